"""Yardstick: an actor that does nothing, drained by stock Dramatiq at its best settings.

Two processes with Dramatiq's own consumer and the largest prefetch that pays (200; with the default of 16 the
consumer mostly sleeps). The messages carry a whole order, as commands do. It is the most that these packages
can do on this machine, since every useful worker also has to fetch, decode and acknowledge. It leaves out
everything else: nothing is read, decided, written or projected.

``dramatiq tests.benchmarks.yardsticks.noop:setup --processes 2`` runs it.
"""

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.benchmarks.yardsticks import dramatiq_workers

QUEUE = "noop"
PROCESSES = 2
PREFETCH = 200


def setup() -> None:
    """What the workers run."""
    dramatiq_workers.end_with_parent()
    declare(dramatiq_workers.broker_of_environment())


def declare(broker: RedisBroker) -> dramatiq.Actor[[dict[str, Any]], None]:
    def noop(order: dict[str, Any]) -> None:
        """Nothing."""

    return dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name=QUEUE)(noop)
