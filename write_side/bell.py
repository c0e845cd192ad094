"""The last beat: the read models' doorbells, and the word to whoever waits for the command."""

import redis

from bus.doorbells import Doorbells
from bus.logs import logger
from bus.messages.outcome import Outcome
from bus.signals import announce, finished
from bus.subscriptions import Subscriptions


class WriteSideBell:
    """Rings over Redis. When Redis is away it stays silent: the sweeps and waiters' own looks cover that."""

    def __init__(self, client: redis.Redis, doorbells: Doorbells, subscriptions: Subscriptions) -> None:
        self._client = client
        self._doorbells = doorbells
        self._subscriptions = subscriptions
        self._heard = True

    def ring(self, outcome: Outcome, command_id: str) -> None:
        try:
            if outcome.seq is not None:
                self._doorbells.ring((name, outcome.partition) for name in self._subscriptions.names())
            announce(self._client, [finished(command_id)])
        except redis.RedisError as error:
            if self._heard:
                logger.warning("Redis is away: doorbells wait for the sweep", error=str(error))
            self._heard = False
        else:
            self._heard = True
