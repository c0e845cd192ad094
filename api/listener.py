"""The server's socket: who is let in, who is attended to next, and what becomes a task.

A request that is known to be one too many never does. Whether the backlog is full may have to be asked of
Redis, which only a task does: the thread that reads must not wait for anybody. So once the last count is old,
one write gets through to a task.
"""

import select
import threading
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.server import TcpWSGIServer

from api.channel import TOO_MANY_COMMANDS, Channel, adds_to_backlog, is_health
from api.shedding import Backlog, overloaded

_TOO_MANY_REQUESTS = overloaded("Too many requests are waiting.").to_json()


class SheddingServer(TcpWSGIServer):  # type: ignore[misc]
    """Waitress's server, on epoll."""

    channel_class = Channel
    draining = False
    max_queued = 0
    backlog: Backlog | None = None
    on_refusal: Callable[[int], None]
    """Told the status of every request that does not reach the application."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kernel = select.epoll()
        """Tells of what connections wait for (``api.channel``)."""
        self.answering = threading.local()
        self._lets_in = False
        self.kernel.register(self.trigger.socket.fileno(), select.EPOLLIN)

    def turn(self, seconds: float) -> None:
        """Do what there is to do, or wait so long for it."""
        self._let_in(self.readable())
        for descriptor, events in self.kernel.poll(seconds):
            attended = self._map.get(descriptor)
            if isinstance(attended, Channel):
                attended.happened(events)
            elif attended is not None:
                wasyncore.readwrite(attended, events)

    def pull_trigger(self) -> None:
        """Arm the connection that is answered here; elsewhere, wake the thread that reads."""
        channel: Channel | None = getattr(self.answering, "channel", None)
        if channel is None:
            super().pull_trigger()
        else:
            channel.arm()

    def maintenance(self, now: float) -> None:
        """Part with connections that were idle for too long."""
        super().maintenance(now)
        for channel in list(self.active_channels.values()):
            channel.arm()

    def _let_in(self, wanted: bool) -> None:  # noqa: FBT001 - what ``readable`` says
        """Waitress lets nobody in while there are as many connections as it takes."""
        if wanted and not self._lets_in:
            self.kernel.register(self._fileno, select.EPOLLIN)
        elif self._lets_in and not wanted and self.accepting:
            self.kernel.unregister(self._fileno)
        self._lets_in = wanted

    def add_task(self, task: Channel) -> None:
        while task.requests:
            request = task.requests[0]
            request.read_at = time.monotonic()
            why = self._surplus(request)
            if why is None:
                super().add_task(task)
                return
            task.requests.pop(0)
            task.refuse(request, why)

    def _surplus(self, request: Any) -> bytes | None:
        """What to say to one too many. Health is always told: it is asked when things go badly."""
        if self.draining or request.error is not None or is_health(request):
            return None
        if len(self.task_dispatcher.queue) >= self.max_queued:
            return _TOO_MANY_REQUESTS
        if self.backlog is not None and adds_to_backlog(request) and self.backlog.is_known_full():
            return TOO_MANY_COMMANDS
        return None
