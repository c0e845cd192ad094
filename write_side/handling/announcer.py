"""Announces an append: rings the read models' doorbells, and tells the waiters for the command."""

from collections.abc import Iterable
from typing import Protocol

import redis

from bus.notify.doorbells import Doorbells
from bus.notify.notifier import announce, finished
from bus.notify.subscriptions import Subscriptions
from bus.observability.interruption import Interruption


class Announcer(Protocol):
    """Tells the rest of the system. Must not raise: if nobody hears it, a sweep finds out."""

    def ring(self, partitions: Iterable[int]) -> None:
        """Say that partitions of the log have something new."""

    def tell(self, command_ids: Iterable[str]) -> None:
        """Say that commands have come to their outcomes."""


class RedisAnnouncer:
    """Announces over Redis.

    While Redis is away it is silent: the sweeps and the waiters' own looks cover that.
    """

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
