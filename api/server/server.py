"""The HTTP server: waitress with its limits set on purpose, problems for refusals, and a drain.

Several processes share one port by SO_REUSEPORT. To stop, a server takes the connections that wait
for it, closes its socket, wakes the requests that wait, finishes every request that it has begun to
read, and closes connections as they fall idle. Towards the end of its time it refuses the requests
that still wait for a thread, so that every request that was read has an answer. A request that is
half read by then was never executed and gets none.
"""

import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from types import MappingProxyType
from typing import Any

import falcon
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from api.middleware.shedding import Backlog
from api.server.addresses import Addresses
from api.server.channel import Channel
from api.server.health import HealthDispatcher
from api.server.limits import Limits
from api.server.listener import SheddingServer
from api.server.poller import Poller
from api.server.waiting_room import WaitingRoom
from bus.errors import ConfigurationError

MAX_HEADER_BYTES = 32 * 1024
MAX_READ_BYTES = 4 * 1024 * 1024
"""The largest body that is read, in bytes: more than the 128 KiB that the application allows.

So a body that is somewhat too large is read and gets its answer. If the server closed the
connection while the caller still sends, the answer would be lost.
"""
_NEVER_S = 10**9
DRAIN_S = 3.2
"""The longest drain, in seconds. The supervisor kills after 4 to 5 s."""
REFUSE_AFTER_S = 2.7
_DRAIN_ROUND_S = 0.05


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
        limits: Limits = Limits(),  # noqa: B008 - it does not change
        backlog: Backlog | None = None,
        on_refusal: Callable[[int], None] = lambda _: None,
        on_leaving: Callable[[falcon.Request], None] = lambda _: None,
        on_closing: Callable[[str], None] = lambda _: None,
        headers: Mapping[str, str] = MappingProxyType({}),
        stopping: threading.Event | None = None,
    ) -> None:
        """Listen on ``host`` and ``port``; ``run`` serves.

        ``stop`` sets ``stopping``, so that requests of the application that wait end their wait.
        ``on_leaving`` gets each request whose caller has gone while it waited. ``on_closing`` gets
        the reason why a connection is closed (``listener``). ``headers`` go into the server's own
        answers.
        """
        self._channels = Poller(lambda each: isinstance(each, Channel) and each.at_rest())
        self._stopping = stopping or threading.Event()
        listening = _listening_socket(host, port)
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(threads)
        adjustments = Adjustments(
            sockets=[listening],
            threads=threads,
            connection_limit=limits.connections,
            cleanup_interval=_NEVER_S,  # the listener closes what is overdue
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=MAX_READ_BYTES,
            clear_untrusted_proxy_headers=True,
            expose_tracebacks=False,
            log_socket_errors=False,
            ident=None,
        )
        self._server = SheddingServer(
            app,
            self._channels,
            _sock=listening,
            dispatcher=dispatcher,
            adj=adjustments,
            bind_socket=False,
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
        )
        self._server.health_dispatcher = HealthDispatcher()
        self._server.limits = limits
        self._server.addresses = Addresses(limits.per_address, limits.trusted_proxies)
        self._server.max_queued = max_queued
        self._server.backlog = backlog
        self._server.on_refusal = on_refusal
        self._server.on_closing = on_closing
        self._server.headers = tuple(headers.items())
        self._room: WaitingRoom[Channel] = WaitingRoom(
            max(1, threads // 2),
            go_on=dispatcher.add_task,
            tell_loop=self._tell_loop,
            on_leaving=on_leaving,
        )
        self._server.room = self._room

    @property
    def port(self) -> int:
        return int(self._server.effective_port)

    @property
    def waiting(self) -> Collection[Any]:
        """The requests that wait for a thread."""
        queue: Collection[Any] = self._server.task_dispatcher.queue
        return queue

    def stop(self) -> None:
        """Begin to drain; a signal handler may call this, and anybody may call it again later."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._tell_loop()

    def run(self) -> None:
        """Serve until told to stop, then drain for at most ``DRAIN_S``."""
        while not self._stopping.is_set():
            self._turn(self._server.limits.look_s)
        self._stop_accepting()
        self._room.close()
        self._server.health_dispatcher.drain()
        began = time.monotonic()
        self._turn(0)  # what has arrived by now is still read
        while self._close_idle() and time.monotonic() - began < DRAIN_S:
            self._turn(_DRAIN_ROUND_S)
            if time.monotonic() - began > REFUSE_AFTER_S:
                self._refuse_waiting()
        self._server.task_dispatcher.shutdown(timeout=0.1)
        self._server.health_dispatcher.shutdown(timeout=0.1)
        wasyncore.close_all(self._channels)
        self._channels.close()

    def _turn(self, seconds: float) -> None:
        self._channels.turn(self._room.seconds_left(at_most=seconds))
        self._room.call_due()
        self._server.close_overdue()

    def _tell_loop(self) -> None:
        with suppress(OSError):  # closed already, by a loop that was awake
            self._server.pull_trigger()

    def _stop_accepting(self) -> None:
        """Accept the connections in the backlog, then close the socket; so none is turned away."""
        self._server.draining = True
        known = -1
        while len(self._channels) > known:
            known = len(self._channels)
            self._server.handle_accept()
        self._server.accepting = False
        self._server.del_channel()
        self._server.socket.close()

    def _close_idle(self) -> bool:
        """Close the connections that are not in use; return True if there are others."""
        channels: list[Channel] = list(self._server.active_channels.values())
        in_use = [channel for channel in channels if channel.in_use]
        for channel in channels:
            if channel not in in_use:
                channel.handle_close()
        return bool(in_use)

    def _refuse_waiting(self) -> None:
        dispatcher = self._server.task_dispatcher
        with dispatcher.lock:
            waiting: list[Channel] = list(dispatcher.queue)
            dispatcher.queue.clear()
        unread = [each for each in self._server.active_channels.values() if each.awaits_reading]
        for channel in waiting + unread + self._room.take_called():
            channel.refuse_all()


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
