"""Answers health checks beside everything else, because callers ask them when things go badly.

One thread takes nothing but ``/health/live`` and ``/health/ready``. It is free when all other
threads are taken and the queue for them sheds. It waits for nobody: the answers of these resources
are known beforehand (``api.resources.health``), and an answer that is not read holds no thread
(``api.server.channel``).

Health checks take little from other requests. The thread answers a connection once a second at
most, because the answer does not change sooner. A probe asks less often and is answered at once. A
caller that asks in a loop waits each time.
"""

import heapq
import itertools
import threading
import time
from typing import Protocol

from bus.observability.logs import logger

PATHS = frozenset({"/health/live", "/health/ready"})
EVERY_S = 1.0


class HealthConnection(Protocol):
    """A connection whose first request is about health (``api.server.channel.Channel``)."""

    health_at: float
    """The time of its next or last answer about health, on the monotonic clock, in seconds."""

    def service(self) -> None: ...


class HealthDispatcher:
    """The thread, from when it is made until ``shutdown``. It has each connection once at most."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, HealthConnection]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._draining = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._thread.start()

    def add_task(self, connection: HealthConnection) -> None:
        with self._changed:
            connection.health_at = max(time.monotonic(), connection.health_at + EVERY_S)
            heapq.heappush(self._due, (connection.health_at, next(self._count), connection))
            self._changed.notify()

    def drain(self) -> None:
        """Answer every connection at once from now on, without the pause of a second."""
        with self._changed:
            self._draining = True
            self._changed.notify()

    def shutdown(self, timeout: float) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        while (connection := self._next()) is not None:
            try:
                connection.service()
            except Exception:  # noqa: BLE001 - the next one is to be answered
                logger.exception("a health check could not be answered")

    def _next(self) -> HealthConnection | None:
        with self._changed:
            while not self._stopping:
                left = self._due[0][0] - time.monotonic() if self._due else EVERY_S
                if self._due and (left <= 0 or self._draining):
                    return heapq.heappop(self._due)[2]
                self._changed.wait(left)
        return None
