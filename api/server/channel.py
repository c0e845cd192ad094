"""One connection. A request on it becomes a task, a refusal, or a wait.

This is waitress's channel with three changes. What it refuses itself it answers with a problem. A
connection stays open after a 204. And it sheds: if a request is one too many, the thread that reads
answers it, and it never becomes a task.

A request that waits (``api.middleware.deferral``) stays at the head of its connection, so that the
requests behind it are answered after it. Meanwhile the server reads the connection, which shows
whether the caller has gone; then its place is free at once. The server reads one request more, and
no third. Behind that one request, it sees a caller's going only when the wait is over. A caller
that closes its sending side alone counts as gone.

A caller may send requests ahead of their answers. The server reads sixteen; the bytes behind them,
8 KiB at most, wait unparsed. A request becomes a task only once the answers before it have left for
the caller. So answers that a caller leaves unread neither fill memory nor hold the thread that
would write one more.
"""

import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel

from api.middleware.deferral import Deferred
from api.middleware.shedding import overloaded
from api.server.limits import ClientWait
from api.server.parser import Parser
from api.server.tasks import REFUSED_HEADERS, AnswerTask, RefusalTask, deferral_of

_STOPPING = overloaded("This process is about to stop.").to_json()
AHEAD = 1
"""The requests that are read while the one before them waits; each may have a body of 4 MiB."""
MOST_UNANSWERED = 16
"""The requests of one connection that are read and not answered; further ones wait as bytes."""
NEW_S = 0.5
"""The seconds that a new connection has for its first byte while the server drains."""


class Channel(HTTPChannel):  # type: ignore[misc]
    task_class = AnswerTask
    error_task_class = RefusalTask
    parser_class = Parser
    request: Parser | None
    sent_continue: bool
    awaited: ClientWait | None = None
    """The wait for the caller that the server's last look found (``api.server.limits``)."""
    awaited_since = 0.0
    health_at = float("-inf")
    awaits_reading = False
    """True while the first request waits until the answers before it have been sent."""
    _unparsed = b""
    _held: list[bytes] | None = None
    _ahead = 0
    """The number of requests behind the first one that are read ahead."""

    def service(self) -> None:
        """Answer the first request, or go on with it. If it waits, it gives the thread back."""
        request = self.requests[0]
        resumed = deferral_of(request)
        room = self.server.room
        self._ahead = 0
        try:
            if resumed is not None and not self.connected:
                room.abandon(resumed)
            super().service()
            self._read_on()
        except Deferred as deferred:
            request.deferral = deferred.deferral
            self._ahead = AHEAD
            room.enter(self, deferred.deferral, deferred.pause)
        finally:
            if resumed is not None:
                room.ended()

    def received(self, data: bytes) -> bool:
        """Take what was read, as waitress does, but parse at most ``MOST_UNANSWERED`` requests."""
        with self.requests_lock:
            if self.is_closing:
                return False
            self._unparsed += data
            self._parse()
        return True

    def _read_on(self) -> None:
        """Parse the bytes that were left; a thread calls this after it has answered a request."""
        if not self._unparsed:
            return
        with self.requests_lock:
            if self.connected and not self.is_closing:
                self._parse()
        self.server.pull_trigger()

    def _parse(self) -> None:
        """Parse what there is room for; the calling code holds ``requests_lock``."""
        while self._unparsed and len(self.requests) < MOST_UNANSWERED:
            request = self.request = self.request or self.parser_class(self.adj)
            self._unparsed = self._unparsed[request.received(self._unparsed) :]
            expects = request.expect_continue and request.headers_finished
            if expects and not self.requests and not self.sent_continue:
                self.send_continue()
            if not request.completed:
                continue
            self.request = None
            self.sent_continue = False
            if not request.empty:
                self.requests.append(request)
                if len(self.requests) == 1:  # else whoever answers the one before it goes on
                    self.server.add_task(self)

    def readable(self) -> bool:
        """Return True if the loop may read, as waitress does; also while a request waits."""
        return not (
            self.is_closing or len(self.requests) > self._ahead or self._unparsed or self.total_outbufs_len
        )

    def writable(self) -> bool:
        return bool(self.total_outbufs_len or self.is_closing or self.awaits_reading)

    def handle_write(self) -> None:
        super().handle_write()
        with self.requests_lock:
            if self.awaits_reading and self.connected and not self.total_outbufs_len:
                self.awaits_reading = False
                self.server.add_task(self)

    def at_rest(self) -> bool:
        """Return True if only the loop's thread changes anything here.

        A thread that ends a task holds ``requests_lock``.
        """
        if self.requests or self._unparsed or not self.requests_lock.acquire(blocking=False):
            return False
        self.requests_lock.release()
        return True

    def handle_close(self) -> None:
        super().handle_close()
        self.server.room.leave(self)

    def add_channel(self, map: Any = None) -> None:  # noqa: A002 - waitress's
        super().add_channel(map)
        self.awaited_since = time.monotonic()

    def del_channel(self, map: Any = None) -> None:  # noqa: A002 - waitress's
        if self._fileno is not None:  # a second time it is gone already
            self.server.addresses.leave(self.addr[0])
        super().del_channel(map)

    def hold(self) -> None:
        """Keep what is written until ``let_go``; the thread that answers calls both."""
        self._held = []

    def let_go(self) -> None:
        held, self._held = self._held, None
        if held:
            self.write_soon(held[0] if len(held) == 1 else b"".join(held))

    def write_soon(self, data: Any) -> int:
        """Send as much as the socket takes; waitress buffers only the rest."""
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

    def refuse(
        self,
        request: Any,
        why: bytes,
        status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE,
        *,
        last: bool = False,
    ) -> None:
        """Answer without a task, in the thread that calls: shedding must cost next to nothing."""
        self.server.on_refusal(status.value)
        head = [f"HTTP/1.1 {status.value} {status.phrase}"]
        head += [f"{name}: {value}" for name, value in (*REFUSED_HEADERS, *self.server.headers)]
        if last or request.version != "1.1" or request.headers.get("CONNECTION", "").lower() == "close":
            head.append("Connection: close")
            self.close_when_flushed = True
        head += [f"Content-Length: {len(why)}", "", ""]
        payload = "\r\n".join(head).encode() + (b"" if request.command == "HEAD" else why)
        with self.outbuf_lock:
            self.outbufs[-1].append(payload)
            self.current_outbuf_count += len(payload)
            self.total_outbufs_len += len(payload)
            self._flush_some(do_close=False)  # the loop finds out that a caller has gone

    def refuse_all(self) -> None:
        """Refuse the requests that wait for a thread: none will come, since the process stops."""
        with self.requests_lock:
            self.awaits_reading = False
            while self.requests:
                request = self.requests.pop(0)
                if (deferral := deferral_of(request)) is not None:
                    deferral.abandon()
                self.refuse(request, _STOPPING, last=not self.requests)

    @property
    def in_use(self) -> bool:
        """True if a request is being read, worked on or answered, or may be about to."""
        return bool(self.requests or self.total_outbufs_len or self.has_more or self._is_new())

    @property
    def is_closing(self) -> bool:
        return bool(self.will_close or self.close_when_flushed)

    @property
    def has_unparsed(self) -> bool:
        return bool(self._unparsed)

    @property
    def has_more(self) -> bool:
        """True if the caller has sent a request beyond the current one, wholly or in part."""
        read = len(self.requests) > 1 or self.request is not None or self._unparsed
        return bool(read) or self.has_unread()

    def has_unread(self) -> bool:
        """Return True if the socket has unread bytes.

        To close now would then reset the connection, and answers could be lost with it.
        """
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except (OSError, AttributeError):  # nothing there, or closed
            return False

    def _is_new(self) -> bool:
        said_nothing = bool(self.last_activity == self.creation_time)
        return said_nothing and time.time() - self.creation_time < NEW_S
