"""The HTTP server: waitress with its limits set on purpose, problems for what it refuses, and a drain.

Several processes share one port by SO_REUSEPORT. To stop, a server takes the connections that wait for
it, closes its socket, finishes every request that it has begun to read, and closes connections as they
fall idle.
"""

import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, create_server
from waitress.task import ErrorTask, WSGITask

from api.error_handlers import of_status
from api.problems import MEDIA_TYPE
from api.shedding import RETRY_AFTER_S, overloaded
from bus.errors import ConfigurationError

MAX_HEADER_BYTES = 32 * 1024
MAX_READ_BYTES = 4 * 1024 * 1024
"""More than the 1 MiB the application allows: a body somewhat too large is read and gets its answer, where
closing on a caller that still sends would lose it."""
CONNECTION_LIMIT = 1_000
IDLE_S = 60
DRAIN_S = 3.5
"""The supervisor kills after 4 to 5 s."""
_ROUND_S = 1.0
_DRAIN_ROUND_S = 0.05
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_TOO_MANY_REQUESTS = overloaded("Too many requests are waiting.").to_json()
_TOO_MANY_COMMANDS = overloaded("Too many commands are waiting to be handled.").to_json()


class Refusal(ErrorTask):  # type: ignore[misc]  # waitress is not typed
    """What waitress itself refuses (400, 413, 431, 501) or could not finish (500), as a problem."""

    def execute(self) -> None:
        error = self.request.error
        self.status = f"{error.code} {HTTPStatus(error.code).phrase}"
        body = of_status(error.code).to_json()
        self.response_headers.append(("Content-Type", MEDIA_TYPE))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Answer(WSGITask):  # type: ignore[misc]
    """An ordinary request; while the server drains it is the last on its connection."""

    def execute(self) -> None:
        if self.channel.server.draining:
            self.set_close_on_finish()
        surplus = self._surplus()
        if surplus is None:
            super().execute()
        else:
            self._shed(surplus)

    def _surplus(self) -> bytes | None:
        """What to say if it is one too many. Health is always told: it is asked when things go badly."""
        server = self.channel.server
        if self.request.path.startswith("/health/"):
            return None
        if len(server.task_dispatcher.queue) > server.max_queued:
            return _TOO_MANY_REQUESTS
        if self.request.command not in _READS and server.is_full():
            return _TOO_MANY_COMMANDS
        return None

    def _shed(self, why: bytes) -> None:
        """Refuse without going through the application: shedding must cost next to nothing."""
        self.status = "503 Service Unavailable"
        self.response_headers += [("Content-Type", MEDIA_TYPE), ("Retry-After", str(RETRY_AFTER_S))]
        self.content_length = len(why)
        self.complete = True  # in place of the application's start_response
        self.write(b"" if self.request.command == "HEAD" else why)

    def set_close_on_finish(self) -> None:
        """Waitress would also close after every 204 and 304, for want of a length that they must not have."""
        asked = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or self.version != "1.1" or asked or self.channel.server.draining:
            super().set_close_on_finish()


class Channel(HTTPChannel):  # type: ignore[misc]
    task_class = Answer
    error_task_class = Refusal

    @property
    def busy(self) -> bool:
        """Whether a request is being read, worked on or answered."""
        return bool(self.requests or self.request is not None or self.total_outbufs_len)


class Server:
    """A WSGI application on a port."""

    def __init__(  # noqa: PLR0913 - each bound is its own
        self,
        app: Callable[..., Any],
        host: str,
        port: int,
        *,
        threads: int,
        max_queued: int = 256,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._channels: dict[int, Any] = {}
        self._stopping = threading.Event()
        self._server: TcpWSGIServer = create_server(
            app,
            map=self._channels,
            sockets=[_listening_socket(host, port)],
            threads=threads,
            connection_limit=CONNECTION_LIMIT,
            channel_timeout=IDLE_S,
            cleanup_interval=10,
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=MAX_READ_BYTES,
            asyncore_use_poll=True,  # select() cannot see descriptors beyond 1,023
            clear_untrusted_proxy_headers=True,
            expose_tracebacks=False,
            log_socket_errors=False,
            ident=None,
        )
        self._server.channel_class = Channel
        self._server.draining = False
        self._server.max_queued = max_queued
        self._server.is_full = is_full

    @property
    def port(self) -> int:
        return int(self._server.effective_port)

    @property
    def waiting(self) -> Collection[Any]:
        """The requests that wait for a thread."""
        queue: Collection[Any] = self._server.task_dispatcher.queue
        return queue

    def stop(self) -> None:
        """Begin to drain; may be called from a signal handler, and again at any time after."""
        if not self._stopping.is_set():
            self._stopping.set()
            with suppress(OSError):  # closed already, by a loop that was awake
                self._server.pull_trigger()

    def run(self) -> None:
        """Serve until told to stop, then drain for at most ``DRAIN_S``."""
        while not self._stopping.is_set():
            self._turn(_ROUND_S)
        self._stop_accepting()
        deadline = time.monotonic() + DRAIN_S
        self._turn(0)  # what has arrived by now is still read
        while time.monotonic() < deadline and any(channel.busy for channel in self._open()):
            self._close_idle()
            self._turn(_DRAIN_ROUND_S)
        self._server.task_dispatcher.shutdown(timeout=0.1)
        wasyncore.close_all(self._channels)

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._channels, count=1)

    def _stop_accepting(self) -> None:
        """Take who waits in the backlog, then close the socket, so that nobody is turned away."""
        self._server.draining = True
        known = -1
        while len(self._channels) > known:
            known = len(self._channels)
            self._server.handle_accept()
        self._server.accepting = False
        self._server.del_channel()
        self._server.socket.close()

    def _open(self) -> list[Channel]:
        return list(self._server.active_channels.values())

    def _close_idle(self) -> None:
        for channel in self._open():
            if not channel.busy:
                channel.will_close = True


def _listening_socket(host: str, port: int) -> socket.socket:
    with ExitStack() as opening:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = opening.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(address)
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror}") from None
        opening.pop_all()
        return listening
