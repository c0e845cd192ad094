"""Faults that are aimed at one protection each, on a replica set that elects only when it is told to."""

import os
from signal import SIGSTOP
from typing import Any

from pymongo import WriteConcern
from pymongo.database import Database

from tests.chaos.faults.fault import Acting, awaiting, let_go
from tests.failover.faults.fault import LOOK_S, lasting
from tests.failover.network.link import Link
from tests.failover.servers.member import Member
from tests.failover.stage import Stage, Strike

GATHER_S = 3.0
"""For commands to wait while no worker handles any."""
SWEPT_S = 14.0
"""A worker gives up after 10 s what it was at when the primary lost its peers; then it takes the swept."""
BESIDE_S = 25.0
"""Time for the rest to go on, and for clients to ask both sides."""
CATCH_S = 15.0
PARTITION = "0"
MANY = 50
"""Positions that are claimed and lost: more than the commands that wait, which would fill them at once."""


def lose_claims(stage: Stage, strike: Strike) -> Acting[None]:
    """A writer claims and is gone; the workers claim above it, and their inserts reach the next primary.

    None of the claims does, so the counter there is behind.
    """
    primary = stage.mongo.until_primary()
    workers = [process for name, process in stage.cluster.processes.items() if name.startswith("commands.")]
    try:
        for worker in workers:
            if (pid := worker.pid) is not None:
                os.kill(pid, SIGSTOP)
        yield GATHER_S
        stage.mongo.refuse_peers(primary)
        counter = _database(stage, primary).positions
        counter.update_one({"_id": "claimed"}, {"$inc": {PARTITION: MANY}})
        claimed = _claimed(stage, primary)
    finally:
        for worker in workers:
            let_go(worker)
    yield from awaiting(lambda: _claimed(stage, primary) > claimed, CATCH_S)
    yield LOOK_S
    stage.mongo.replace(primary)
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
    """The last position that this primary has given."""
    counter = _database(stage, primary).positions.find_one({"_id": "claimed"}) or {}
    return int(counter.get(PARTITION, 0))


def _database(stage: Stage, primary: Member) -> Database[dict[str, Any]]:
    """The write database of this primary alone; what is written waits for nobody."""
    name = stage.cluster.write_database_name
    return primary.direct.get_database(name, write_concern=WriteConcern(w=1))
