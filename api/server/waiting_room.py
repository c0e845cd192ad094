"""The requests that wait: each keeps its connection and no thread, until it is called to go on.

A request is called when it is woken (``bus.notify.wakeup``), when its pause is over, or when the
server stops. The server's own loop, which reads and writes all connections, looks after the pauses,
so there is no further thread that could die. Called requests go on in the server's threads, a few
at a time: when one announcement wakes hundreds, the other requests keep the other threads.

Why nobody is forgotten: a place is in one of three states, and changes its state under one lock. It
waits; or it has been called, once, by the event that came first; or its caller has gone. A request
that enters wakes the loop, which then knows when the pause is over. If an announcement came before
that, its ``Wakeup`` calls the place at once. A called place stands in line until one of the few
that go on has ended. However it ends, it calls the next. Once the room is closed, a request that
enters is called at once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import falcon

from api.middleware.deferral import Deferral, Pause


class WaitingConnection(Protocol):
    """A connection that holds a request that waits (``api.server.channel.Channel``)."""

    connected: bool


C = TypeVar("C", bound=WaitingConnection)


class Place(Generic[C]):
    """A request that waits, at the head of its channel; ``due`` is on the monotonic clock."""

    __slots__ = ("channel", "deferral", "due")

    def __init__(self, channel: C, deferral: Deferral, due: float) -> None:
        self.channel = channel
        self.deferral = deferral
        self.due = due


class WaitingRoom(Generic[C]):
    """The waiting requests of one server. Safe for threads."""

    def __init__(
        self,
        at_a_time: int,
        *,
        go_on: Callable[[C], None],
        tell_loop: Callable[[], None],
        on_leaving: Callable[[falcon.Request], None],
    ) -> None:
        """Let at most ``at_a_time`` called requests go on together.

        ``go_on`` has a thread service a channel. ``tell_loop`` ends the present wait of the
        server's loop. ``on_leaving`` gets each request whose caller has gone.
        """
        self._at_a_time = at_a_time
        self._go_on = go_on
        self._tell_loop = tell_loop
        self._on_leaving = on_leaving
        self._lock = threading.Lock()
        self._waiting: dict[C, Place[C]] = {}
        self._called: deque[Place[C]] = deque()
        self._going_on = 0
        self._next_due = float("inf")
        self._closed = False

    def __len__(self) -> int:
        """Return how many requests wait and have not been called."""
        return len(self._waiting)

    def enter(self, channel: C, deferral: Deferral, pause: Pause) -> None:
        """Let a request wait. From now on another thread may service its channel."""
        place = Place(channel, deferral, time.monotonic() + pause.seconds)
        with self._lock:
            self._waiting[channel] = place
            self._next_due = min(self._next_due, place.due)
            closed = self._closed
        pause.woken.when_set(lambda: self._call([place]))
        if closed:
            self._call([place])
        if not channel.connected:  # it was closed before it could be found here
            self.leave(channel)
        self._tell_loop()

    def leave(self, channel: C) -> None:
        """Give up the place of a channel that was closed, if it has one."""
        with self._lock:
            place = self._waiting.pop(channel, None)
        if place is not None:
            self.abandon(place.deferral)

    def abandon(self, deferral: Deferral) -> None:
        """Give back what a request holds; its caller has gone."""
        deferral.abandon()
        self._on_leaving(deferral.req)

    def seconds_left(self, at_most: float) -> float:
        """Return how many seconds the loop may wait."""
        return max(0.0, min(at_most, self._next_due - time.monotonic()))

    def call_due(self) -> None:
        """Call the requests whose pause is over."""
        now = time.monotonic()
        if now < self._next_due:
            return
        with self._lock:
            due = [place for place in self._waiting.values() if place.due <= now]
            later = (place.due for place in self._waiting.values() if place.due > now)
            self._next_due = min(later, default=float("inf"))
        self._call(due)

    def close(self) -> None:
        """Call every request that waits, and from now on every request that enters."""
        with self._lock:
            self._closed = True
            everybody = list(self._waiting.values())
        self._call(everybody)

    def ended(self) -> None:
        """Let the next request go on, because one that was called has been serviced."""
        with self._lock:
            self._going_on -= 1
        self._call([])

    def take_called(self) -> list[C]:
        """Take the channels that have been called and wait for a thread."""
        with self._lock:
            called = [place.channel for place in self._called]
            self._called.clear()
        return called

    def _call(self, places: list[Place[C]]) -> None:
        with self._lock:
            for place in places:
                if self._waiting.get(place.channel) is place:
                    del self._waiting[place.channel]
                    self._called.append(place)
            while self._called and self._going_on < self._at_a_time:
                self._going_on += 1
                self._go_on(self._called.popleft().channel)
