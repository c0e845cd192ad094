"""What happens to a Redis that is one server: killed, and stopped."""

import os
from signal import SIGCONT, SIGSTOP

from tests.chaos.faults.fault import Acting
from tests.failover.faults.fault import lasting
from tests.failover.stage import Stage, Strike

AWAY_S = 2.0
STOPPED_S = 5.0


def is_well(stage: Stage) -> bool:
    return stage.product.redis.pid is not None


def kill(stage: Stage, strike: Strike) -> Acting[None]:
    stage.product.redis.kill()
    yield from lasting(stage.product.redis.start, AWAY_S)


def stop(stage: Stage, strike: Strike) -> Acting[None]:
    pid = stage.product.redis.pid
    assert pid is not None
    os.kill(pid, SIGSTOP)
    yield from lasting(lambda: os.kill(pid, SIGCONT), STOPPED_S)
