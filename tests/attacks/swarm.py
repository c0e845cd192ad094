"""Many connections that each do one thing again and again, in one thread that does little for each turn.

A connection has its turn every so many seconds: it reads some, then it sends. A closed one is opened again
with its next turn. Each swarm has several addresses of 127.0.0.0/8, as if it came from as many hosts.
"""

import heapq
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.attacks.attack import Target

A_LOT = 1 << 20
OPEN_OVER_S = 2.0
"""The connections are opened one by one within this time."""
LOOK_S = 0.2


@dataclass(frozen=True)
class Swarm:
    """``first`` is sent when a connection opens, ``then`` at each turn; ``{token}`` in them is staff's.

    With ``answered``, ``then`` is sent only after something has arrived since the last turn. ``reads`` is how
    many bytes a turn reads; a connection that reads few has a small buffer for what arrives, too.
    """

    name: str
    title: str
    connections: int
    first: str = ""
    then: str = ""
    every_s: float = 1.0
    answered: bool = False
    reads: int = A_LOT
    hosts: int = 10
    settings: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, target: Target, is_over: Callable[[], bool], did: Counter[str] | None = None
    ) -> Mapping[str, int]:
        """``did`` is counted in, so that others see it meanwhile."""
        did = Counter() if did is None else did
        members = [_Member(self, target, number, did) for number in range(self.connections)]
        began = time.monotonic()
        turns = [(began + OPEN_OVER_S * n / len(members), n) for n in range(len(members))]
        try:
            while not is_over():
                while turns[0][0] <= (now := time.monotonic()):
                    _, number = turns[0]
                    members[number].turn()
                    heapq.heapreplace(turns, (now + self.every_s, number))
                time.sleep(max(0.0, min(LOOK_S, turns[0][0] - time.monotonic())))
        finally:
            for member in members:
                member.close()
        return did


class _Member:
    """One connection of a swarm."""

    def __init__(self, swarm: Swarm, target: Target, number: int, did: Counter[str]) -> None:
        self._swarm = swarm
        self._address = f"127.0.1.{1 + number % swarm.hosts}"
        self._port = target.port
        self._first, self._then = (
            text.replace("{token}", target.staff).encode() for text in (swarm.first, swarm.then)
        )
        self._did = did
        self._line: socket.socket | None = None

    def turn(self) -> None:
        try:
            if self._line is None:
                self._open()
            elif self._read() or not self._swarm.answered:
                self._send(self._then)
        except BlockingIOError:
            pass
        except OSError:
            self._did["closed"] += 1
            self.close()

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _open(self) -> None:
        line = self._line = socket.socket()
        line.settimeout(0.5)  # on this machine it is at once, unless the server's queue for newcomers is full
        if self._swarm.reads < A_LOT:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.bind((self._address, 0))
        line.connect(("127.0.0.1", self._port))
        line.setblocking(False)
        self._did["opened"] += 1
        self._send(self._first)

    def _read(self) -> bool:
        assert self._line is not None
        try:
            data = self._line.recv(self._swarm.reads)
        except BlockingIOError:
            return False
        if not data:
            raise ConnectionResetError
        self._did["reads"] += 1
        return True

    def _send(self, data: bytes) -> None:
        assert self._line is not None
        if data:
            self._line.send(data)
            self._did["sends"] += 1


_GET = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
_LARGE = _GET.replace("{path}", "/docs/swagger-ui-bundle.js")
_READY = _GET.replace("{path}", "/health/ready")
_SMALL = "GET /products HTTP/1.1\r\nHost: x\r\n\r\n"
_HEAD = "POST /orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
_BODY = _HEAD + "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"

SWARMS = (
    Swarm("silent", "1,000 silent connections", 1_000),
    Swarm("readers", "100 that read an answer of 1.4 MB slowly", 100, first=_LARGE * 16, reads=64),
    Swarm(
        "readiness",
        "400 that ask for readiness in a loop",
        400,
        first=_READY,
        then=_READY,
        every_s=0.25,
        answered=True,
    ),
    Swarm("heads", "400 that send a byte of a head a second", 400, first=_HEAD + "X-Slow: ", then="a"),
    Swarm("bodies", "400 that send a byte of a body a second", 400, first=_BODY, then=" "),
    Swarm(
        "pipelines",
        "20 that send 300 requests at once, again and again",
        20,
        first=_SMALL * 300,
        then=_SMALL * 300,
        answered=True,
    ),
)
