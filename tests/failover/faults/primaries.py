"""What happens to the primary of the replica set: killed, told to step down, stopped, cut off."""

from contextlib import suppress

from pymongo.errors import PyMongoError

from tests.chaos.faults.fault import Acting
from tests.failover.faults.fault import lasting
from tests.failover.servers.member import Member
from tests.failover.stage import Stage, Strike

AWAY_S = 5.0
"""Longer than an election: the others go on without the old primary before it is back."""
STEP_DOWN_S = 10


def kill(stage: Stage, strike: Strike) -> Acting[None]:
    """``kill -9``, and started again when another is primary."""
    primary = _primary(stage)
    primary.kill()
    stage.over(strike)
    yield from lasting(primary.start, AWAY_S)


def step_down(stage: Stage, strike: Strike) -> Acting[None]:
    with suppress(PyMongoError):  # it may close the connection on which it was told
        _primary(stage).direct.admin.command("replSetStepDown", STEP_DOWN_S)
    stage.over(strike)
    yield 0.0


def stop(stage: Stage, strike: Strike) -> Acting[None]:
    """SIGSTOP, and SIGCONT when another is primary: for a moment there are two."""
    primary = _primary(stage)
    primary.pause()
    yield from lasting(primary.resume, AWAY_S + 1)


def cut_from_peers(stage: Stage, strike: Strike) -> Acting[None]:
    """Clients still reach it."""
    stage.mongo.cut_from_peers(_primary(stage))
    yield from lasting(stage.mongo.network.mend, AWAY_S + 3)


def cut_from_all(stage: Stage, strike: Strike) -> Acting[None]:
    """Nobody reaches it, neither peers nor clients."""
    stage.mongo.cut_from_all(_primary(stage))
    yield from lasting(stage.mongo.network.mend, AWAY_S + 3)


def _primary(stage: Stage) -> Member:
    """It was there when the fault looked whether all is well."""
    return stage.mongo.until_primary()
