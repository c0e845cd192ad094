"""What follows an append: the read models' doorbells, and the word to whoever waits for the command."""

from collections.abc import Iterable
from typing import Protocol

import redis

from bus.notify.doorbells import Doorbells
from bus.notify.notifier import announce, finished
from bus.notify.subscriptions import Subscriptions
from bus.observability.interruption import Interruption


class Announcer(Protocol):
    """Tells the rest of the system. Must not raise: who does not hear it finds out by a sweep."""

    def ring(self, partitions: Iterable[int]) -> None:
        """There is something new in partitions of the log."""

    def tell(self, command_ids: Iterable[str]) -> None:
        """Commands have come to their outcomes."""


class RedisAnnouncer:
    """Rings over Redis. When Redis is away it stays silent: the sweeps and waiters' own looks cover that."""

    def __init__(self, client: redis.Redis, doorbells: Doorbells, subscriptions: Subscriptions) -> None:
        self._client = client
        self._doorbells = doorbells
        self._subscriptions = subscriptions
        self._silence = Interruption("doorbells wait for the sweep")

    def ring(self, partitions: Iterable[int]) -> None:
        with self._silence:
            self._doorbells.tell(self._subscriptions.names(), tuple(partitions))

    def tell(self, command_ids: Iterable[str]) -> None:
        with self._silence:
            announce(self._client, map(finished, command_ids))
