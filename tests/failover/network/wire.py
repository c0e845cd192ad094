"""One connection through the switchboard: two ends, and what comes in at one goes out at the other.

A cut link loses nothing. It holds everything back, as TCP does that sends again until an answer comes: both
ends stop reading, so what was sent waits in the kernel's buffers, and so does the news that a side has
closed. When the link is whole again all of it arrives, late. A slow link delivers each piece after its
delay, in order; what is on its way when the link is cut is held back as well.
"""

import asyncio
from collections import deque
from collections.abc import Callable

TIMER_S = 0.001
"""A timer may come so much too early."""


class Wire:
    """Both ends, and the state of the link that they belong to."""

    def __init__(self, near: "End", far: "End") -> None:
        self.ends = (near, far)
        near.peer, far.peer = far, near

    def set(self, *, cut: bool, delay: float) -> None:
        for end in self.ends:
            end.set(cut=cut, delay=delay)

    def abort(self) -> None:
        """Reset both ends."""
        for end in self.ends:
            end.transport.abort()

    @property
    def closed(self) -> bool:
        return all(end.transport.is_closing() for end in self.ends)


class End(asyncio.Protocol):
    """One side's socket. It does not read before it is told the state of its link."""

    transport: asyncio.Transport
    peer: "End | None" = None

    def __init__(self) -> None:
        self._cut = True
        self._full = False
        self._delay = 0.0
        self._late: deque[tuple[float, Callable[[], None]]] = deque()

    def set(self, *, cut: bool, delay: float) -> None:
        self._cut, self._delay = cut, delay
        self._deliver()
        self._read_or_not()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        peer = self.peer
        assert peer is not None
        self._after_delay(lambda: peer.transport.write(data))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None:
            self._after_delay(self.peer.transport.close)

    def pause_writing(self) -> None:
        """Stop reading from the other side while this one takes no more."""
        if self.peer is not None:
            self.peer.hold(full=True)

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.hold(full=False)

    def hold(self, *, full: bool) -> None:
        self._full = full
        self._read_or_not()

    def _read_or_not(self) -> None:
        if self.transport.is_closing():
            return
        if self._cut or self._full:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _after_delay(self, action: Callable[[], None]) -> None:
        """Act after the delay, and never before what came earlier."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._delay
        self._late.append((due, action))
        if self._delay:
            loop.call_at(due, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        now = asyncio.get_running_loop().time() + TIMER_S
        while self._late and not self._cut and self._late[0][0] <= now:
            self._late.popleft()[1]()
