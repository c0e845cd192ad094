"""The listening socket: lets callers in, makes room, closes late connections, sheds requests."""

import heapq
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from operator import itemgetter
from typing import Any

from waitress.server import TcpWSGIServer

from api.middleware.error_handlers import of_status
from api.middleware.shedding import Backlog, overloaded
from api.server import health
from api.server.addresses import Addresses
from api.server.channel import Channel
from api.server.limits import Awaited, Limits, awaited_from
from api.server.tasks import TOO_MANY_COMMANDS, adds_to_backlog
from api.server.waiting_room import WaitingRoom

ACCEPTED_AT_ONCE = 64
"""The connections that are accepted in one turn of the loop; so newcomers need no turn each."""
NEAR = 0.9
"""Connections give way from this share of ``Limits.connections`` on."""
GIVE_WAY_AT_ONCE = 10
"""The connections that give way in one go.

The server looks through all connections to find them, which would be too much work for each
newcomer.
"""
_TOO_MANY_REQUESTS = overloaded("Too many requests are waiting.").to_json()
_TOO_LATE = of_status(HTTPStatus.REQUEST_TIMEOUT).to_json()


class SheddingServer(TcpWSGIServer):  # type: ignore[misc]  # waitress is not typed
    """Waitress's server; a request that is known to be one too many never becomes a task.

    To learn whether the backlog is full, somebody may have to ask Redis. Only a task does that: the
    thread that reads must not wait for anybody. So once the last count is old, one write gets
    through to a task. Health checks are always answered, by a thread of their own.
    """

    channel_class = Channel
    draining = False
    max_queued = 0
    backlog: Backlog | None = None
    room: WaitingRoom[Channel]
    health_dispatcher: health.HealthDispatcher
    limits: Limits
    addresses: Addresses
    on_refusal: Callable[[int], None]
    """Is called with the status of every request that does not reach the application."""
    on_closing: Callable[[str], None]
    """Is called with the reason when the server closes a connection and its caller did not ask.

    The reason is ``request`` or ``reading`` (an ``Awaited``), ``gave_way`` or ``per_address``.
    """
    headers: Iterable[tuple[str, str]]
    """The headers of every answer that does not come from the application."""
    _next_look = 0.0

    def readable(self) -> bool:
        if self.accepting and len(self._map) >= self.limits.connections:
            self._make_room()  # else newcomers wait, even for those that have fallen silent since
        return bool(super().readable())

    def handle_accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            accepted = None
            with suppress(OSError):  # such as too many open files, or somebody who has gone again
                if self.draining or len(self._map) < self.limits.connections:
                    accepted = self.accept()
            if accepted is None:
                return
            line, address = accepted
            if not self.addresses.lets_in(address[0]):
                self.on_closing("per_address")
                line.close()
                continue
            with suppress(OSError):
                self.set_socket_options(line)
            self._make_room()
            self.channel_class(self, line, address, self.adj, map=self._map)
            self.addresses.enter(address[0])

    def _make_room(self) -> None:
        if len(self.active_channels) < NEAR * self.limits.connections:
            return
        waits = []
        for channel in self.active_channels.values():
            if (awaited := awaited_from(channel)) is not None:
                since = channel.awaited_since if awaited == channel.awaited else time.monotonic()
                waits.append((awaited[0], since, channel))
        for kind, _, channel in heapq.nsmallest(GIVE_WAY_AT_ONCE, waits, key=itemgetter(0, 1)):
            self._part_with(channel, kind, "gave_way")

    def close_overdue(self) -> None:
        """Close the connections of callers that are too late; looks once per ``look_s`` at most."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + self.limits.look_s
        for channel in list(self.active_channels.values()):
            awaited = awaited_from(channel)
            if awaited is None or awaited != channel.awaited:
                channel.awaited, channel.awaited_since = awaited, now
            elif now - channel.awaited_since > self.limits.seconds_for(awaited[0], channel.request):
                if awaited[0] is Awaited.REST:
                    late, channel.request = channel.request, None
                    channel.refuse(late, _TOO_LATE, HTTPStatus.REQUEST_TIMEOUT, last=True)
                    self._map.mark_dirty(channel._fileno)  # noqa: SLF001 - waitress's
                else:  # nothing to say, or nobody who reads it
                    self._part_with(channel, awaited[0], awaited[0].name.lower())

    def add_task(self, task: Channel) -> None:
        """Have the first request of a channel answered; the caller holds its ``requests_lock``."""
        while task.requests:
            if task.total_outbufs_len:
                task.awaits_reading = True
                return
            request = task.requests[0]
            request.read_at = time.monotonic()
            if request.error is None and request.path in health.PATHS:
                self.health_dispatcher.add_task(task)
                return
            why = self._surplus(request)
            if why is None:
                super().add_task(task)
                return
            task.requests.pop(0)
            task.refuse(request, why)

    def _surplus(self, request: Any) -> bytes | None:
        """Return the refusal of a request that is one too many; ``None`` if it is not."""
        if self.draining or request.error is not None:
            return None
        if len(self.task_dispatcher.queue) >= self.max_queued:
            return _TOO_MANY_REQUESTS
        if self.backlog is not None and adds_to_backlog(request) and self.backlog.is_known_full():
            return TOO_MANY_COMMANDS
        return None

    def _part_with(self, channel: Channel, awaited: Awaited, why: str) -> None:
        """Close a connection, unless the awaited request has arrived in this instant."""
        if awaited is not Awaited.REQUEST or not channel.has_unread():
            self.on_closing(why)
            channel.handle_close()
