"""Learns from errors that a server is away; logs a line when it goes and a line when it is back.

While a server is away, every thread that needs it fails again and again, and each failure means the
same. So all threads report their failures here. The first one is logged, and a separate thread asks
the server until it answers again. An operation on MongoDB that took too long counts only if the
server does not answer a ping (``bus.connections.liveness``): one slow query is not an outage. An
error that says nothing about a server being away is not handled here: it is logged where it
happens.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Self

import redis
from dramatiq.errors import BrokerConnectionError
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from bus.connections.clients import StoredDocument, probe_redis
from bus.connections.liveness import ServerLiveness, is_perhaps_slow
from bus.connections.redis_connections import says_demoted
from bus.connections.redis_pool import tell_of_demotions
from bus.observability.logs import leave_out, logger, redacted

LOOK_EVERY_S = 0.5
QUIET_S = 1.0
"""The seconds without an error after which a server that answers counts as back."""
SHOWN = 200
"""The most characters of an error: pymongo adds all it knows about the servers."""


class Dependency(Enum):
    """A server that this system cannot do without for long."""

    MONGODB = "MongoDB"
    REDIS = "Redis"


_UNFIT = frozenset(
    {
        *(10058, 10107, 13435, 13436, 189),  # not, or no longer, the primary
        *(91, 11600, 11601, 11602),  # stopping, or interrupted by a stop or an election
        *(6, 7, 89, 9001, 133, 134, 262),  # members that do not reach each other
        *(24, 50, 112, 175, 237, 365),  # too busy: lock and time limits, plans and cursors given up
        *(43, 246),  # a cursor or snapshot that a restart has forgotten
        *(63, 150, 13388),  # chunks that move between shards
        14031,  # no space left
        *(13, 18, 391),  # credentials: refused to everybody, whatever is asked
    }
)
"""MongoDB's codes for its own state. They say nothing about the operation."""
_UNFIT_LABELS = ("RetryableWriteError", "TransientTransactionError", "SystemOverloadedError")
_UNFIT_REDIS = (
    BrokerConnectionError,
    *(redis.ConnectionError, redis.TimeoutError, redis.OutOfMemoryError),
    *(redis.exceptions.ClusterDownError, redis.exceptions.TryAgainError),
)
_UNFIT_REDIS_WORDS = ("MISCONF", "BUSY", "UNKILLABLE", "NOREPLICAS")
"""Errors without a class in redis-py: full disk, script that runs too long, missing replicas."""


def server_away(error: BaseException) -> Dependency | None:
    """Return the server that an error says is away or unfit; ``None`` for any other error."""
    if isinstance(error, PyMongoError):
        return Dependency.MONGODB if _is_unfit(error) else None
    if isinstance(error, _UNFIT_REDIS):
        return Dependency.REDIS
    if isinstance(error, redis.ResponseError) and (
        says_demoted(error) or str(error).startswith(_UNFIT_REDIS_WORDS)
    ):
        return Dependency.REDIS
    return None


def _is_unfit(error: PyMongoError) -> bool:
    if isinstance(error, ConnectionFailure | WriteConcernError) or error.timeout:
        return True
    if any(error.has_error_label(label) for label in _UNFIT_LABELS):
        return True
    if isinstance(error, BulkWriteError):
        # Its own code is always the same; what happened to each write is inside. A stop or an
        # election in the middle of a batch is told per write, among others that are done or were
        # refused for good reason.
        writes = (write["code"] for write in error.details.get("writeErrors", ()))
        return bool(error.details.get("writeConcernErrors")) or not _UNFIT.isdisjoint(writes)
    return isinstance(error, OperationFailure) and error.code in _UNFIT


class Outages:
    """The servers that are away, as far as one process knows."""

    def __init__(self, probes: Mapping[Dependency, Callable[[], object]], stopping: threading.Event) -> None:
        """``probes`` ask a server something that it answers only while it serves.

        They may take their time and raise, as long as they end.
        """
        self._probes = probes
        self._liveness = {server: ServerLiveness(probe) for server, probe in probes.items()}
        self._stopping = stopping
        self._away: dict[Dependency, tuple[float, float]] = {}
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._watch, name="outages", daemon=True)

    @classmethod
    def of(
        cls, databases: Sequence[Database[StoredDocument]], client: redis.Redis, stopping: threading.Event
    ) -> Self:
        """Return the outages of a process's servers; leave out what others log about them."""

        def ask_mongodb() -> None:
            for database in databases:
                database.command("ping")

        outages = cls(
            {Dependency.MONGODB: ask_mongodb, Dependency.REDIS: lambda: probe_redis(client)},
            stopping,
        )
        leave_out(outages.noticed)
        tell_of_demotions(client, outages.noticed)
        return outages

    def start(self) -> None:
        self.thread.start()

    def noticed(self, error: BaseException) -> bool:
        """Take note of an error and its causes; return True if one says that a server is away."""
        for cause in _with_causes(error):
            server = server_away(cause)
            if server is not None and not self._is_slow_alone(server, cause):
                self._note(server, cause)
                return True
        return False

    def _is_slow_alone(self, server: Dependency, error: BaseException) -> bool:
        """Return True if the server answers others: the operation took too long by itself."""
        if server in self._away or not is_perhaps_slow(error):
            return False
        return server in self._liveness and self._liveness[server].answers()

    def look(self) -> None:
        """Ask the servers that were away."""
        for server, (since, last) in list(self._away.items()):
            if time.monotonic() - last < QUIET_S or not self._answers(server):
                continue
            with self._lock:
                if self._away[server][1] > last:  # not for everybody
                    continue
                del self._away[server]
            logger.info("a server is back", server=server.value, away_s=round(time.monotonic() - since, 1))

    def _note(self, server: Dependency, error: BaseException) -> None:
        now = time.monotonic()
        with self._lock:
            since, _ = self._away.get(server, (now, now))
            is_news = server not in self._away
            self._away[server] = (since, now)
        if is_news:
            logger.warning("a server is away", server=server.value, error=redacted(error)[:SHOWN])

    def _answers(self, server: Dependency) -> bool:
        try:
            self._probes[server]()
        except (PyMongoError, redis.RedisError):
            return False
        return True

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            self.look()


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
