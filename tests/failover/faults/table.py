"""Every kind of fault, by name."""

from collections.abc import Callable, Mapping
from functools import partial

from tests.chaos.faults.fault import Fault
from tests.failover.faults import members, plain_redis, primaries, processes, redis
from tests.failover.faults.fault import Act, alone, mongo_is_well
from tests.failover.stage import Stage

Made = Callable[[Stage], Fault]

KILLED_PRIMARY = "kill primary"
"""The kind that has a goal."""


def all_faults(*, sentinels: bool = True) -> Mapping[str, Made]:
    """Each is made for a stage."""
    server = redis if sentinels else plain_redis
    mongo: Mapping[str, Act] = {
        KILLED_PRIMARY: primaries.kill,
        "step down": primaries.step_down,
        "stop primary": primaries.stop,
        "cut primary from peers": primaries.cut_from_peers,
        "cut primary from all": primaries.cut_from_all,
        "lose two of three": members.lose_two,
        "rolling restart": members.rolling_restart,
        "slow secondary": members.slow_secondary,
        "stop secondary": members.stop_secondary,
    }
    made: dict[str, Made] = {kind: alone(kind, mongo_is_well, act) for kind, act in mongo.items()}
    made["kill redis"] = alone("kill redis", server.is_well, server.kill)
    made["stop redis"] = alone("stop redis", server.is_well, server.stop)
    for name in ("web", "commands", "projections", "clock"):
        kind = f"kill {name}"
        made[kind] = alone(kind, partial(_both, processes.run(name)), processes.kill(name))
    return made


def _both(one: Callable[[Stage], bool], stage: Stage) -> bool:
    return one(stage) and mongo_is_well(stage)


LONG = frozenset({"rolling restart"})
"""Those that take so long that they cannot be the last."""
