"""The last beat: the read models' doorbells, and the word to whoever waits for the command."""

from collections.abc import Sequence
from typing import Protocol

import redis
from pymongo.errors import PyMongoError

from bus.doorbells import Doorbells
from bus.group_commit import GroupCommit
from bus.logs import logger
from bus.messages.outcome import Outcome
from bus.metrics import Metrics
from bus.signals import announce, finished
from bus.subscriptions import Subscriptions


class Bell(Protocol):
    """Tells the rest of the system that a command is finished."""

    def ring(self, outcome: Outcome, command_id: str) -> None:
        """Must not raise: whoever does not hear it finds out by a sweep."""


class WriteSideBell:
    """Rings over Redis. When Redis is away it stays silent: the sweeps and waiters' own looks cover that."""

    def __init__(
        self, client: redis.Redis, doorbells: Doorbells, subscriptions: Subscriptions, metrics: Metrics
    ) -> None:
        self._client = client
        self._doorbells = doorbells
        self._subscriptions = subscriptions
        self._heard = True
        self._together = GroupCommit(metrics.batches("ring", self._ring))

    def ring(self, outcome: Outcome, command_id: str) -> None:
        self._together((None if outcome.seq is None else outcome.partition, command_id))

    def _ring(self, rings: Sequence[tuple[int | None, str]]) -> list[None]:
        try:
            partitions = {partition for partition, _ in rings if partition is not None}
            names = self._subscriptions.names() if partitions else ()
            self._doorbells.ring((name, partition) for name in names for partition in partitions)
            announce(self._client, [finished(command_id) for _, command_id in rings])
        except (redis.RedisError, PyMongoError) as error:
            if self._heard:
                logger.warning("doorbells wait for the sweep", error=error)
            self._heard = False
        else:
            self._heard = True
        return [None] * len(rings)
