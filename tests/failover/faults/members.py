"""What happens to other members, or to several: lost, restarted one after the other, left behind."""

from tests.chaos.faults.fault import Acting
from tests.failover.faults.fault import LOOK_S, lasting
from tests.failover.stage import Stage, Strike

LOST_S = 3.0
LAG_S = 6.0
SLOW_S = 0.4
"""The delay of a slow link, one way."""
HEALTHY_S = 30.0


def lose_two(stage: Stage, strike: Strike) -> Acting[None]:
    """The primary and a secondary are killed: what is left can neither write nor elect."""
    primary = stage.mongo.until_primary()
    lost = [primary, stage.rng.choice(stage.mongo.others(primary))]

    def back() -> None:
        for member in lost:
            member.start()

    for member in lost:
        member.kill()
    yield from lasting(back, LOST_S)


def rolling_restart(stage: Stage, strike: Strike) -> Acting[None]:
    """Each member once, the primary last, as one does it for an update."""
    primary = stage.mongo.until_primary()
    for member in [*stage.mongo.others(primary), primary]:
        member.stop()
        yield from lasting(member.start, LOOK_S)
        waited = 0.0
        while not stage.mongo.healthy() and waited < HEALTHY_S:
            yield LOOK_S
            waited += LOOK_S


def slow_secondary(stage: Stage, strike: Strike) -> Acting[None]:
    """One link is slow: the member is behind, and the majority does without it."""
    primary = stage.mongo.until_primary()
    stage.mongo.slow_peers(stage.rng.choice(stage.mongo.others(primary)), SLOW_S)
    yield from lasting(stage.mongo.network.mend, LAG_S)


def stop_secondary(stage: Stage, strike: Strike) -> Acting[None]:
    primary = stage.mongo.until_primary()
    member = stage.rng.choice(stage.mongo.others(primary))
    member.pause()
    yield from lasting(member.resume, LAG_S)
