"""Waits for sockets as waitress's loop does, in a time that does not grow with idle connections.

Waitress's loop asks every connection before every wait what it waits for. With a thousand
connections that takes some milliseconds, several times a request. This loop asks only the *dirty*
ones: what they wait for may have changed since they were asked.

Why nobody is forgotten: a connection becomes dirty when it is added, at each event of its socket,
and by ``mark_dirty``. It becomes clean only if the loop asks it while ``is_idle`` says that nothing
but the loop's own thread can change it. That thread changes it at an event, or marks it. A
connection that a thread works on is dirty throughout, and that thread wakes the loop when it has
ended.
"""

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress import wasyncore


class Poller(dict[int, Any]):
    """Waitress's map of its sockets, by descriptor. Only ``turn`` waits, in one thread."""

    def __init__(self, is_idle: Callable[[Any], bool]) -> None:
        super().__init__()
        self._is_idle = is_idle
        self._epoll = select.epoll()
        self._waited_for: dict[int, int] = {}
        self._dirty: set[int] = set()

    def __setitem__(self, number: int, channel: Any) -> None:
        super().__setitem__(number, channel)
        self._waited_for.pop(number, None)
        self.mark_dirty(number)

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        self._dirty.discard(number)
        self._wait_for(number, 0)

    def mark_dirty(self, number: int) -> None:
        """Have the loop ask this connection again, before the next wait, what it waits for."""
        self._dirty.add(number)

    def turn(self, seconds: float) -> None:
        """Wait for events, for ``seconds`` at most, and handle them."""
        for number in tuple(self._dirty):
            channel = self.get(number)
            if channel is None:
                continue
            if self._is_idle(channel):  # asked first, since afterwards it stays as it is found below
                self._dirty.discard(number)
            readable = select.EPOLLIN if channel.readable() else 0
            writable = select.EPOLLOUT if channel.writable() and not channel.accepting else 0
            self._wait_for(number, readable | writable)
        for number, events in self._epoll.poll(seconds):
            channel = self.get(number)
            if channel is None:  # closed by what was handled before it, and the number may be another's
                with suppress(OSError):
                    self._epoll.unregister(number)
                continue
            self.mark_dirty(number)
            wasyncore.readwrite(channel, events)  # it has poll's flags, which are epoll's

    def close(self) -> None:
        self._epoll.close()

    def _wait_for(self, number: int, events: int) -> None:
        before = self._waited_for.get(number, 0)
        if events == before:
            return
        self._waited_for[number] = events
        with suppress(OSError):  # closed by another thread in this instant
            if not before:
                self._epoll.register(number, events)
            elif events:
                self._epoll.modify(number, events)
            else:  # epoll would go on to tell of a caller that has gone
                self._epoll.unregister(number)
        if not events:
            self._waited_for.pop(number, None)
