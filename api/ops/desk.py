"""What the dashboard's resources work with, built once by a main and passed in."""

from dataclasses import dataclass

import redis
from pymongo.database import Database

from api.freshness import WaitSlots
from api.ops.read_models import Standings
from api.ops.repairs import Repairs, repairs
from bus.connections import Documents
from bus.log import Log


@dataclass(frozen=True, slots=True)
class Desk:
    """One field for each thing that is asked or told."""

    standings: Standings
    repairs: Repairs


def desk(
    write: Database[Documents], read: Database[Documents], client: redis.Redis, log: Log, slots: WaitSlots
) -> Desk:
    """The desk of the real system; nothing is connected to before the first request."""
    return Desk(
        standings=Standings(log, read),
        repairs=repairs(write, read, client, log, slots),
    )
