"""What the yardsticks that run under the ``dramatiq`` command have in common: a broker, and an end.

The command forks its workers, and they survive it when it is killed. Here they ask to be killed with it, so
that a benchmark that is killed leaves nobody behind.
"""

import ctypes
import os
from signal import SIGKILL

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from bus.primitives.parent_death import PR_SET_PDEATHSIG

REDIS = "YARDSTICK_REDIS_URL"
MONGODB = "YARDSTICK_MONGODB_URI"


def broker_of_environment() -> RedisBroker:
    """Dramatiq's own, as it comes; also what ``dramatiq.get_broker`` returns from now on."""
    broker = RedisBroker(url=os.environ[REDIS])
    dramatiq.set_broker(broker)
    return broker


def end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def is_idle(client: redis.Redis, queues: tuple[str, ...]) -> bool:
    """Whether no message of these queues waits, is in progress or is delayed."""
    with client.pipeline(transaction=True) as pipeline:
        for queue in queues:
            pipeline.hlen(f"dramatiq:{queue}.msgs")
            pipeline.hlen(f"dramatiq:{queue}.DQ.msgs")
        return not any(pipeline.execute())
