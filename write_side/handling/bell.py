"""The last beat: the read models' doorbells, and the word to whoever waits for the command."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

import redis
from pymongo.errors import PyMongoError

from bus.notify.doorbells import Doorbells
from bus.notify.notifier import announce, finished
from bus.notify.subscriptions import Subscriptions
from bus.observability.logs import logger


class Bell(Protocol):
    """Tells the rest of the system. Must not raise: who does not hear it finds out by a sweep."""

    def ring(self, partitions: Iterable[int]) -> None:
        """There is something new in partitions of the log."""

    def tell(self, command_ids: Iterable[str]) -> None:
        """Commands have come to their outcomes."""


class WriteSideBell:
    """Rings over Redis. When Redis is away it stays silent: the sweeps and waiters' own looks cover that."""

    def __init__(self, client: redis.Redis, doorbells: Doorbells, subscriptions: Subscriptions) -> None:
        self._client = client
        self._doorbells = doorbells
        self._subscriptions = subscriptions
        self._heard = True

    def ring(self, partitions: Iterable[int]) -> None:
        with self._silent():
            self._doorbells.tell(self._subscriptions.names(), tuple(partitions))

    def tell(self, command_ids: Iterable[str]) -> None:
        with self._silent():
            announce(self._client, map(finished, command_ids))

    @contextmanager
    def _silent(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, PyMongoError) as error:
            if self._heard:
                logger.warning("doorbells wait for the sweep", error=error)
            self._heard = False
        else:
            self._heard = True
