"""Faults that are aimed at one protection each, on a replica set that elects only when it is told to."""

import os
from signal import SIGCONT, SIGSTOP

from pymongo import MongoClient

from tests.chaos.faults.fault import Acting, awaiting, let_go
from tests.chaos.points import CLAIMED, is_stopped
from tests.failover.faults.fault import LOOK_S, lasting
from tests.failover.network.link import Link
from tests.failover.servers.member import Member
from tests.failover.stage import Stage, Strike

GATHER_S = 2.0
"""For commands to wait while no worker handles any."""
SWEPT_S = 4.0
"""Enough for a sweep to find what is not durable, and for a worker to decide it; less than its 10 s."""
BESIDE_S = 25.0
"""Time for the rest to go on, and for clients to ask both sides."""
CATCH_S = 15.0


def lose_claims(stage: Stage, strike: Strike) -> Acting[None]:
    """One worker claims and is killed; another claims above it, and its insert reaches the next primary.

    Neither claim does.
    """
    first, second = (stage.cluster.processes[f"commands.{number}"] for number in (1, 2))
    primary = stage.mongo.until_primary()
    asking = stage.cluster.asking[first.name]
    pids = [pid for process in (first, second) if (pid := process.pid) is not None]
    with stage.holding(first.name), stage.holding(second.name):
        try:
            for pid in pids:
                os.kill(pid, SIGSTOP)
            yield GATHER_S
            stage.mongo.refuse_peers(primary)
            asking.ask(CLAIMED)
            let_go(first)
            yield 2 * LOOK_S
            yield from awaiting(lambda: is_stopped(pids[0]), CATCH_S)
            first.kill()
            claimed = _claimed(stage, primary)
            let_go(second)
            yield from awaiting(lambda: _claimed(stage, primary) > claimed, CATCH_S)
            yield LOOK_S
            stage.mongo.replace(primary)
        finally:
            asking.withdraw()
            for pid in pids:
                _go_on(pid)
            first.start()
    yield from lasting(primary.start, LOOK_S)


def decide_what_is_lost(stage: Stage, strike: Strike) -> Acting[None]:
    """The primary has peers no more, goes on for a while, and is lost with all that it alone had."""
    primary = stage.mongo.until_primary()
    stage.mongo.refuse_peers(primary)
    yield SWEPT_S
    stage.mongo.replace(primary)
    yield from lasting(primary.start, LOOK_S)


def leave_one_beside(stage: Stage, strike: Strike) -> Acting[None]:
    """The primary and one API process are cut off from the rest, which goes on with another primary."""
    primary = stage.mongo.until_primary()
    others = stage.mongo.others(primary)
    stage.mongo.refuse_peers(primary)
    stage.mongo.network.refuse([Link("web.2", other.title) for other in others])
    stage.mongo.step_up(*others)
    yield from lasting(stage.mongo.network.mend, BESIDE_S)


def _claimed(stage: Stage, primary: Member) -> int:
    """All positions that this primary has given."""
    direct: MongoClient[dict[str, int]] = primary.direct
    counter = direct[stage.cluster.write_database_name].positions.find_one({"_id": "claimed"}) or {}
    return sum(count for partition, count in counter.items() if partition.isdigit())


def _go_on(pid: int) -> None:
    try:
        os.kill(pid, SIGCONT)
    except ProcessLookupError:  # it was killed
        return
