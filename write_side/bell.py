"""The last beat: the read models' doorbells, and the word to whoever waits for the command."""

from collections.abc import Sequence
from typing import Protocol

import redis
from pymongo.errors import PyMongoError

from bus.doorbells import Doorbells
from bus.logs import logger
from bus.messages.outcome import Outcome
from bus.signals import announce
from bus.signals import finished as topic_of
from bus.subscriptions import Subscriptions


class Bell(Protocol):
    """Tells the rest of the system that commands are finished."""

    def ring(self, finished: Sequence[tuple[str, Outcome]]) -> None:
        """``finished`` is ids with outcomes. Must not raise: who does not hear it finds out by a sweep."""


class WriteSideBell:
    """Rings over Redis. When Redis is away it stays silent: the sweeps and waiters' own looks cover that."""

    def __init__(self, client: redis.Redis, doorbells: Doorbells, subscriptions: Subscriptions) -> None:
        self._client = client
        self._doorbells = doorbells
        self._subscriptions = subscriptions
        self._heard = True

    def ring(self, finished: Sequence[tuple[str, Outcome]]) -> None:
        try:
            partitions = {outcome.partition for _, outcome in finished if outcome.seq is not None}
            names = self._subscriptions.names() if partitions else ()
            self._doorbells.ring((name, partition) for name in names for partition in partitions)
            announce(self._client, [topic_of(command_id) for command_id, _ in finished])
        except (redis.RedisError, PyMongoError) as error:
            if self._heard:
                logger.warning("doorbells wait for the sweep", error=error)
            self._heard = False
        else:
            self._heard = True
