"""One connection, and what becomes of a request on it: a task, a refusal, or a wait.

Waitress's classes with problems for what it refuses itself, connections that stay open behind a 204, and
shedding: a request that is one too many is answered by the thread that reads, and never becomes a task.

A request that waits (``api.middleware.deferral``) stays at the head of its connection, so that
those behind it are answered after it. Meanwhile the connection is read, which shows whether the
caller has gone; then its place is free at once. One request more is read, and no third: behind one,
a caller's going is seen only when the wait is over. A caller that closes its sending side alone
counts as gone.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask

from api.http.problems import MEDIA_TYPE
from api.middleware.deadline import READ_AT
from api.middleware.deferral import DEFERS, RESUMED, Deferral, Deferred
from api.middleware.error_handlers import of_status
from api.middleware.shedding import RETRY_AFTER_S, Backlog, overloaded
from api.server.waiting_room import WaitingRoom

_REFUSED = "503 Service Unavailable"
_REFUSED_HEADERS = (("Content-Type", MEDIA_TYPE), ("Retry-After", str(RETRY_AFTER_S)))
_HEALTH = "/health/"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_TOO_MANY_REQUESTS = overloaded("Too many requests are waiting.").to_json()
_TOO_MANY_COMMANDS = overloaded("Too many commands are waiting to be handled.").to_json()
_STOPPING = overloaded("This process is about to stop.").to_json()
AHEAD = 1
"""Requests that are read while the one before them waits; each may have a body of 4 MiB."""
NEW_S = 0.5
"""How long somebody who has just connected may take to say something, while the server drains."""


class Refusal(ErrorTask):  # type: ignore[misc]  # waitress is not typed
    """What waitress itself refuses (400, 413, 431, 501) or could not finish (500), as a problem."""

    def execute(self) -> None:
        error = self.request.error
        self.status = f"{error.code} {HTTPStatus(error.code).phrase}"
        self.channel.server.on_refusal(error.code)
        body = of_status(error.code).to_json()
        self.response_headers.append(("Content-Type", MEDIA_TYPE))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Answer(WSGITask):  # type: ignore[misc]
    """An ordinary request. While the server drains, the last one that was sent ends the connection."""

    def execute(self) -> None:
        if self._is_last():
            self.set_close_on_finish()
        backlog = self.channel.server.backlog
        is_new = _deferral(self.request) is None
        if is_new and backlog is not None and _adds_to_backlog(self.request) and backlog.is_full():
            self._shed(_TOO_MANY_COMMANDS)
        else:
            super().execute()

    def write(self, data: bytes) -> None:
        """The head goes out with the first of the body: a send each would wake the caller twice."""
        if self.wrote_header:
            super().write(data)
            return
        self.channel.hold()
        try:
            super().write(data)
        finally:
            self.channel.let_go()

    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        environment[READ_AT] = self.request.read_at
        environment[DEFERS] = True
        if (deferral := _deferral(self.request)) is not None:
            environment[RESUMED] = deferral
        return environment

    def _is_last(self) -> bool:
        return bool(self.channel.server.draining) and not self.channel.has_more

    def _shed(self, why: bytes) -> None:
        self.channel.server.on_refusal(HTTPStatus.SERVICE_UNAVAILABLE.value)
        self.status = _REFUSED
        self.response_headers += _REFUSED_HEADERS
        self.content_length = len(why)
        self.complete = True  # in place of the application's start_response
        self.write(b"" if self.request.command == "HEAD" else why)

    def set_close_on_finish(self) -> None:
        """Waitress would also close after every 204 and 304, for want of a length that they must not have."""
        asked = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or self.version != "1.1" or asked or self._is_last():
            super().set_close_on_finish()


class Channel(HTTPChannel):  # type: ignore[misc]
    task_class = Answer
    error_task_class = Refusal
    _held: list[bytes] | None = None
    _ahead = 0
    """How many requests may stand behind the first one before the connection is not read."""

    def service(self) -> None:
        """Answer the first request, or go on with it; one that waits gives the thread back."""
        request = self.requests[0]
        resumed = _deferral(request)
        room = self.server.room
        self._ahead = 0
        try:
            if resumed is not None and not self.connected:
                room.abandon(resumed)
            super().service()
        except Deferred as deferred:
            request.deferral = deferred.deferral
            self._ahead = AHEAD
            room.enter(self, deferred.deferral, deferred.pause)
        finally:
            if resumed is not None:
                room.ended()

    def readable(self) -> bool:
        """As waitress has it, with more to read while a request waits. The loop asks it very often."""
        return not (
            self.will_close
            or self.close_when_flushed
            or len(self.requests) > self._ahead
            or self.total_outbufs_len
        )

    def handle_close(self) -> None:
        super().handle_close()
        self.server.room.leave(self)

    def hold(self) -> None:
        """Keep what is written until ``let_go``; both are called by the thread that answers."""
        self._held = []

    def let_go(self) -> None:
        held, self._held = self._held, None
        if held:
            self.write_soon(held[0] if len(held) == 1 else b"".join(held))

    def write_soon(self, data: Any) -> int:
        """Send as much as the socket takes; waitress buffers the rest, and only that."""
        if self._held is not None:
            self._held.append(data)
            return len(data)
        if not isinstance(data, bytes):
            return int(super().write_soon(data))
        sent = 0
        with self.outbuf_lock, suppress(OSError):  # it comes again below, where waitress deals with it
            if self.connected and not self.total_outbufs_len:
                sent = self.send(data, do_close=False)
        if sent < len(data):
            super().write_soon(data[sent:])
        return len(data)

    def refuse(self, request: Any, why: bytes, *, last: bool = False) -> None:
        """Answer without a task, in the thread that reads: shedding must cost next to nothing."""
        self.server.on_refusal(HTTPStatus.SERVICE_UNAVAILABLE.value)
        head = [f"HTTP/1.1 {_REFUSED}", *(f"{name}: {value}" for name, value in _REFUSED_HEADERS)]
        if last or request.version != "1.1" or request.headers.get("CONNECTION", "").lower() == "close":
            head.append("Connection: close")
            self.close_when_flushed = True
        head += [f"Content-Length: {len(why)}", "", ""]
        payload = "\r\n".join(head).encode() + (b"" if request.command == "HEAD" else why)
        with self.outbuf_lock:
            self.outbufs[-1].append(payload)
            self.current_outbuf_count += len(payload)
            self.total_outbufs_len += len(payload)
            self._flush_some()

    def refuse_all(self) -> None:
        """Refuse what was read and waits for a thread that will not come: the process stops."""
        with self.requests_lock:
            while self.requests:
                request = self.requests.pop(0)
                if (deferral := _deferral(request)) is not None:
                    deferral.abandon()
                self.refuse(request, _STOPPING, last=not self.requests)

    @property
    def in_use(self) -> bool:
        """Whether something is being read, worked on or answered, or may be about to."""
        return bool(self.requests or self.total_outbufs_len or self.has_more or self._is_new())

    @property
    def has_more(self) -> bool:
        """Whether a request beyond the current one was sent, wholly or in part."""
        return len(self.requests) > 1 or self.request is not None or self._has_unread()

    def _has_unread(self) -> bool:
        """Closing now would reset the connection, and what has been answered could be lost with it."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except (OSError, AttributeError):  # nothing there, or closed
            return False

    def _is_new(self) -> bool:
        said_nothing = bool(self.last_activity == self.creation_time)
        return said_nothing and time.time() - self.creation_time < NEW_S


def _deferral(request: Any) -> Deferral | None:
    """A request that was put aside before has one."""
    found: Deferral | None = getattr(request, "deferral", None)
    return found


def _adds_to_backlog(request: Any) -> bool:
    return request.command not in _READS and not request.path.startswith(_HEALTH)


class SheddingServer(TcpWSGIServer):  # type: ignore[misc]
    """Waitress's server; a request that is known to be one too many never becomes a task.

    Whether the backlog is full may have to be asked of Redis, which only a task does: the thread that
    reads must not wait for anybody. So once the last count is old, one write gets through to a task.
    """

    draining = False
    max_queued = 0
    backlog: Backlog | None = None
    room: WaitingRoom[Channel]
    on_refusal: Callable[[int], None]
    """Told the status of every request that does not reach the application."""

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
        if self.draining or request.error is not None or request.path.startswith(_HEALTH):
            return None
        if len(self.task_dispatcher.queue) >= self.max_queued:
            return _TOO_MANY_REQUESTS
        if self.backlog is not None and _adds_to_backlog(request) and self.backlog.is_known_full():
            return _TOO_MANY_COMMANDS
        return None
