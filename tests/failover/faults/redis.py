"""What happens to Redis: its primary is killed or stopped, and the Sentinels make the replica the primary."""

from api.local.redis_server import RedisServer
from tests.chaos.faults.fault import Acting
from tests.failover.faults.fault import lasting
from tests.failover.servers.redis_set import RedisSet
from tests.failover.stage import Stage, Strike

AWAY_S = 5.0
"""Longer than the Sentinels take to notice and to agree."""


def is_well(stage: Stage) -> bool:
    return _set(stage).healthy()


def kill(stage: Stage, strike: Strike) -> Acting[None]:
    """``kill -9``; when it is back it becomes the other's replica."""
    primary = _primary(stage)
    primary.kill()
    stage.over(strike)
    yield from lasting(primary.start, AWAY_S)


def stop(stage: Stage, strike: Strike) -> Acting[None]:
    """SIGSTOP until another is primary: then it goes on, takes itself for the primary, and is demoted."""
    primary = _primary(stage)
    _set(stage).pause(primary)
    yield from lasting(lambda: _set(stage).resume(primary), AWAY_S)


def _set(stage: Stage) -> RedisSet:
    assert stage.product.redis_set is not None
    return stage.product.redis_set


def _primary(stage: Stage) -> RedisServer:
    primary = _set(stage).primary()
    assert primary is not None
    return primary
