"""Answers health checks beside everything else: they are asked when things go badly.

One thread takes nothing but ``/health/live`` and ``/health/ready``. It is there when all other threads are
taken and the queue for them sheds, and it waits for nobody: what these resources answer is known
(``api.resources.health``), and an answer that is not read holds no thread (``api.server.channel``).

Nor does asking take much from others: a connection is answered once a second at most, since no sooner does
the answer change. A probe asks less often and is answered at once; of those that ask in a loop each waits.
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
    """One whose first request is about health (``api.server.channel.Channel``)."""

    health_at: float
    """When it is or was answered about health, on the monotonic clock."""

    def service(self) -> None: ...


class HealthDispatcher:
    """The thread, from when it is made until ``shutdown``; each connection is in it once at most."""

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
        """From now on nobody waits for its second to be over."""
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
