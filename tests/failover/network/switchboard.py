"""The process that all connections to the members of a replica set go through, so that links can be cut.

Each member advertises a port of this process, which peers and drivers use alike. So a partition needs
neither root nor a network namespace. It is a process of its own, as the clients under load leave it no time
in theirs.

It is given, as JSON in its argument, for each member its name, the port to listen on, the member's own port
and its lock file, which names its process; and a folder in which ``NAME.pid`` names the process of a client
that is to be told from the others. Each line on its input is the state of all links that are not
whole: ``{"cut": [[source, target], ...], "refused": [...], "slow": [[source, target, seconds], ...]}``. It
answers each with a line when that state is in force, and the first line when it listens. It ends with its
input.
"""

import asyncio
import json
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from api.local.ports import HOST
from tests.failover.network.link import CLIENTS, Link
from tests.failover.network.owners import owners, pid_in
from tests.failover.network.wire import End, Wire

BACKLOG = 1_000
CONNECT_S = 2.0


@dataclass
class Line:
    """A member as the switchboard knows it. ``arrived`` are new connections to it of unknown sources."""

    name: str
    listens: int
    target: int
    lock: Path
    arrived: list[End] = field(default_factory=list)


class Arrival(End):
    """The end of who connects to a member."""

    def __init__(self, board: "Switchboard", line: Line) -> None:
        super().__init__()
        self._board = board
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._board.arrived(self._line, self)


class Switchboard:
    def __init__(self, lines: list[Line], clients: Path) -> None:
        self._lines = lines
        self._members = {line.name for line in lines}
        self._clients = clients
        self._wires: defaultdict[Link, list[Wire]] = defaultdict(list)
        self._cut: set[Link] = set()
        self._refused: set[Link] = set()
        self._slow: dict[Link, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for line in self._lines:

            def arrival(line: Line = line) -> Arrival:
                return Arrival(self, line)

            await loop.create_server(arrival, HOST, line.listens, backlog=BACKLOG)

    def arrived(self, line: Line, end: End) -> None:
        """Connections that arrive together are looked up together."""
        if not line.arrived:
            asyncio.get_running_loop().call_soon(self._look_up, line)
        line.arrived.append(end)

    def set(self, cut: set[Link], refused: set[Link], slow: dict[Link, float]) -> None:
        self._cut, self._refused, self._slow = cut, refused, slow
        for link, wires in self._wires.items():
            wires[:] = [wire for wire in wires if not wire.closed]
            for wire in wires:
                self._apply(link, wire)

    def _look_up(self, line: Line) -> None:
        arrived, line.arrived = line.arrived, []
        ports = {end.transport.get_extra_info("peername")[1]: end for end in arrived}
        files = {one.name: one.lock for one in self._lines}
        files |= {file.stem: file for file in self._clients.glob("*.pid")}
        pids = {name: pid for name, file in files.items() if (pid := pid_in(file)) is not None}
        sources = owners(ports, line.listens, pids)
        for port, end in ports.items():
            link = Link(sources.get(port, CLIENTS), line.name)
            task = asyncio.get_running_loop().create_task(self._connect(line, link, end))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, line: Line, link: Link, near: End) -> None:
        try:
            connecting = asyncio.get_running_loop().create_connection(End, HOST, line.target)
            _, far = await asyncio.wait_for(connecting, CONNECT_S)
        except (OSError, TimeoutError):  # the member is down
            near.transport.abort()
            return
        wire = Wire(near, far)
        self._wires[link].append(wire)
        self._apply(link, wire)
        if near.transport.is_closing():
            far.transport.close()

    def _apply(self, link: Link, wire: Wire) -> None:
        among = {link} if link.source in self._members else {link, Link(CLIENTS, link.target)}
        if among & self._refused:
            wire.abort()
            return
        wire.set(cut=bool(among & self._cut), delay=max(self._slow.get(one, 0.0) for one in among))


async def serve(lines: list[Line], clients: Path) -> None:
    """Listen until the input ends."""
    board = Switchboard(lines, clients)
    await board.listen()
    told = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    while True:
        sys.stdout.write("\n")
        sys.stdout.flush()
        if not (text := await told.readline()):
            return
        state = json.loads(text)
        board.set(
            {Link(*link) for link in state["cut"]},
            {Link(*link) for link in state["refused"]},
            {Link(source, target): seconds for source, target, seconds in state["slow"]},
        )


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    members = [
        Line(one["name"], one["listens"], one["target"], Path(one["lock"])) for one in given["members"]
    ]
    asyncio.run(serve(members, Path(given["clients"])))
    os._exit(0)  # open connections are not waited for
