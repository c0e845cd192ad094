"""One connection through the switchboard: two ends, and what comes in at one goes out at the other.

A cut link loses nothing. It holds everything back, as TCP does that sends again until an answer comes: both
ends stop reading, so what was sent waits in the kernel's buffers, and so does the news that a side has closed.
When the link is whole again all of it arrives, late. A slow link delivers each piece after its delay, in order.
"""

import asyncio
from collections.abc import Callable


class Wire:
    """Both ends, and the state of the link that they belong to."""

    def __init__(self, near: "End", far: "End") -> None:
        self.ends = (near, far)
        near.peer, far.peer = far, near

    def set(self, *, cut: bool, delay: float) -> None:
        for end in self.ends:
            end.set(cut=cut, delay=delay)

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
        self._due = 0.0

    def set(self, *, cut: bool, delay: float) -> None:
        self._cut, self._delay = cut, delay
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
        """This side takes no more: the other is not read from."""
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

    def _after_delay(self, deliver: Callable[[], None]) -> None:
        """Deliver after the delay, and never before what came earlier."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._delay == 0 and self._due <= now:
            deliver()
            return
        self._due = max(now + self._delay, self._due + 1e-6)
        loop.call_at(self._due, deliver)
