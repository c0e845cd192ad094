"""The load generator: one thread, prebuilt requests, connections that are kept open; the same for everybody.

It does as little per request as Python can (one send, one receive, a look at the status line), so that what
is measured is the server. It shares the cores with it all the same; how much it takes is reported.
"""

import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Self

HEAD_END = b"\r\n\r\n"
LAST_ANSWERS_S = 10.0
"""How long answers to the last requests may take."""


@dataclass
class Answers:
    """What was answered within how many seconds, and the processor time that asking took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_s: float = 0.0

    def rate(self, status: int) -> float:
        """Answers a second of the one status that was to be had; raises ``AssertionError`` for others."""
        if set(self.statuses) != {status}:
            raise AssertionError(f"answered {dict(self.statuses)}, not {status} alone")
        return self.statuses[status] / self.seconds


class _Connection:
    """One request at a time, and what has arrived of its answer."""

    def __init__(self, port: int, patience_s: float) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrived = b""
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.arrived = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The answer once it is complete; raises ``ConnectionError`` when the server hangs up."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.arrived = self.arrived + data if self.arrived else data
        head, end, body = self.arrived.partition(HEAD_END)
        if not end or len(body) < _length(head):
            return None
        return self.arrived


def _length(head: bytes) -> int:
    _, _, after = head.partition(b"Content-Length: ")
    return int(after.partition(b"\r\n")[0] or 0)


class Caller:
    """So many open connections to a server on this machine.

    ``patience_s`` is how long an answer may take when one is asked for by itself.
    """

    def __init__(self, port: int, connections: int, patience_s: float = LAST_ANSWERS_S) -> None:
        with ExitStack() as opening:
            self._connections = [_Connection(port, patience_s) for _ in range(connections)]
            self._poll = opening.enter_context(select.epoll())
            for connection in self._connections:
                opening.enter_context(connection.socket)
                self._poll.register(connection.socket, select.EPOLLIN)
            self._open = opening.pop_all()
        self._by_number = {c.socket.fileno(): c for c in self._connections}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def ask(self, request: bytes) -> bytes:
        """One request on the first connection, and its answer."""
        connection = self._connections[0]
        connection.send(request)
        while (answer := connection.receive()) is None:
            pass  # the socket's own timeout bounds each turn
        return answer

    def as_fast_as_it_goes(
        self, requests: Iterable[bytes], seconds: float, most: int | None = None
    ) -> Answers:
        """Each connection sends its next request as soon as it has its answer, ``most`` in all at most."""
        answers = Answers()
        following = cycle(requests)
        cpu, began = time.process_time(), time.perf_counter()
        ends = began + seconds
        left = most if most is not None else 2**62
        busy = 0
        for connection in self._connections[:left]:
            connection.send(next(following))
            busy += 1
        left -= busy
        while busy:
            for number, _ in self._ready():
                connection = self._by_number[number]
                answer = connection.receive()
                if answer is None:
                    continue
                answers.statuses[int(answer[9:12])] += 1
                if left and time.perf_counter() < ends:
                    connection.send(next(following))
                    left -= 1
                else:
                    busy -= 1
        answers.seconds = time.perf_counter() - began
        answers.cpu_s = time.process_time() - cpu
        return answers

    def at_rate(
        self,
        requests: Iterable[bytes],
        rate: float,
        seconds: float,
        answered: Callable[[float, bytes], None],
    ) -> Answers:
        """So many requests a second, whatever comes back; ``answered`` is told when each was sent.

        A request whose time has come while every connection waits is sent as soon as one is free, and
        counts from the time when it should have been sent.
        """
        answers = Answers()
        following = cycle(requests)
        free = list(self._connections)
        busy = sent = 0
        began = time.perf_counter()
        total = max(1, int(rate * seconds))
        while sent < total or busy:
            due = min(total, int((time.perf_counter() - began) * rate) + 1)
            while sent < due and free:
                connection = free.pop()
                connection.send(next(following))
                connection.sent_at = began + sent / rate
                sent += 1
                busy += 1
            pause = LAST_ANSWERS_S
            if sent < total and free:
                pause = max(0.0, began + sent / rate - time.perf_counter())
            for number, _ in self._ready(pause):
                connection = self._by_number[number]
                answer = connection.receive()
                if answer is not None:
                    answers.statuses[int(answer[9:12])] += 1
                    answered(connection.sent_at, answer)
                    free.append(connection)
                    busy -= 1
        answers.seconds = time.perf_counter() - began
        return answers

    def _ready(self, wait_s: float = LAST_ANSWERS_S) -> list[tuple[int, int]]:
        ready = self._poll.poll(wait_s)
        if not ready and wait_s >= LAST_ANSWERS_S:
            raise TimeoutError(f"no answer within {LAST_ANSWERS_S:g} s")
        return ready
