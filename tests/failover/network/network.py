"""The network between clients and members, as a test cuts it and mends it."""

import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from api.local import ports
from bus.primitives.parent_death import dies_with_parent
from tests.failover.network.link import Link
from tests.failover.servers.member import Member
from tests.support.processes import ROOT

STOP_S = 5.0
TRIES = 5


class NetworkDownError(Exception):
    """The switchboard does not come up, or does not answer."""


class Network:
    """In front of members that run. ``address`` is where each is reached, by peers and drivers alike."""

    def __init__(self, folder: Path, members: Iterable[Member]) -> None:
        self._members = list(members)
        self.clients = folder / "clients"
        """Where ``NAME.pid`` makes a process the source of links of its own."""
        self._log = folder / "switchboard.log"
        self._ports: dict[str, int] = {}
        self._cut: set[Link] = set()
        self._refused: set[Link] = set()
        self._slow: dict[Link, float] = {}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        for _ in range(TRIES):  # a free port may be taken by another before the switchboard listens
            with suppress(NetworkDownError):
                self._start()
                return self
        raise NetworkDownError(self._log.read_text())

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate(timeout=STOP_S)

    def address(self, member: str) -> str:
        return f"{ports.HOST}:{self._ports[member]}"

    def cut(self, links: Iterable[Link]) -> None:
        """Nothing gets through any more, in either direction, from connections open or new."""
        self._cut.update(links)
        self._tell()

    def refuse(self, links: Iterable[Link]) -> None:
        """Open connections are reset and new ones are not made: both sides know at once."""
        self._refused.update(links)
        self._tell()

    def slow(self, links: Iterable[Link], seconds: float) -> None:
        """Everything gets through so much later, in either direction."""
        self._slow.update(dict.fromkeys(links, seconds))
        self._tell()

    def mend(self, *links: Link) -> None:
        """These links are whole again, or all of them; what was held back arrives now."""
        mended = links or (*self._cut, *self._refused, *self._slow)
        self._cut.difference_update(mended)
        self._refused.difference_update(mended)
        for link in mended:
            self._slow.pop(link, None)
        self._tell()

    def _start(self) -> None:
        self.clients.mkdir(exist_ok=True)
        drawn = ports.candidates()
        self._ports = {member.title: next(drawn) for member in self._members}
        members = [
            {
                "name": member.title,
                "listens": self._ports[member.title],
                "target": member.port,
                "lock": str(member.directory / "mongod.lock"),
            }
            for member in self._members
        ]
        given = {"members": members, "clients": str(self.clients)}
        command = [sys.executable, "-m", "tests.failover.network.switchboard", json.dumps(given)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                dies_with_parent(command),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._answered(self._process)

    def _tell(self) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise NetworkDownError("the switchboard does not run")
        state = {
            "cut": sorted(self._cut),
            "refused": sorted(self._refused),
            "slow": [(*link, seconds) for link, seconds in sorted(self._slow.items())],
        }
        process.stdin.write(json.dumps(state) + "\n")
        process.stdin.flush()
        self._answered(process)

    def _answered(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise NetworkDownError(f"the switchboard ended: {self._log.read_text()}")
