"""The no-op actor as a contestant: how fast two stock workers empty its queue."""

import time
from contextlib import ExitStack

import redis
from dramatiq.brokers.redis import RedisBroker

from tests.benchmarks import workload
from tests.benchmarks.backstage import Backstage
from tests.benchmarks.stage import NOOP_REDIS, Stage
from tests.benchmarks.yardsticks import dramatiq_workers, noop
from tests.support.waiting import until

POLL_S = 0.004
PATIENCE_S = 120.0


class Noop:
    """Two processes that drain a queue."""

    def __init__(self, stage: Stage) -> None:
        url = stage.redis_url_of(NOOP_REDIS)
        stage.start(
            "noop",
            *("dramatiq", f"{noop.__name__}:{noop.setup.__name__}", "--processes", str(noop.PROCESSES)),
            **{dramatiq_workers.REDIS: url, "dramatiq_queue_prefetch": str(noop.PREFETCH)},
        )
        self._open = ExitStack()
        self._backstage = Backstage(url)
        self._open.callback(self._backstage.close)
        self._redis = redis.Redis.from_url(url)
        self._open.callback(self._redis.close)
        enqueuing = RedisBroker(url=self._backstage.url)
        self._open.callback(enqueuing.client.close)
        self._actor = noop.declare(enqueuing)
        self._orders = workload.Orders()

    def close(self) -> None:
        self._open.close()

    def place(self, orders: int) -> float:
        """Drain so many messages; return the seconds that it took."""
        for order in self._orders.several(orders):
            self._actor.send(order)
        began = time.perf_counter()
        self._backstage.raise_curtain()
        until(self._is_idle, PATIENCE_S, "every message acknowledged", POLL_S)
        return time.perf_counter() - began

    def _is_idle(self) -> bool:
        return dramatiq_workers.is_idle(self._redis, (noop.QUEUE,))
