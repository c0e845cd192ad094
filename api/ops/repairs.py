"""What the resources work with by which operators mend something."""

from dataclasses import dataclass

import redis
from pymongo.database import Database

from api.freshness import WaitSlots
from bus.broker import Broker
from bus.connections import Documents
from bus.dead.casualties import Casualties
from bus.doorbells import Doorbells
from bus.log import Log
from read_side.checkpoints import Checkpoints
from read_side.parked.mending_orders import MendingOrders
from read_side.parked.parking import Parking
from read_side.rebuilding.requests import RebuildRequests
from read_side.rebuilding.seen import RebuildsSeen
from read_side.registry import Registry

OWNER = "api"
"""What a lease says that was taken over for an operator."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """One field for each thing that is asked or told."""

    casualties: Casualties
    log: Log
    parking: Parking
    orders: MendingOrders
    requests: RebuildRequests
    rebuilds: RebuildsSeen
    slots: WaitSlots


def repairs(
    write: Database[Documents], read: Database[Documents], client: redis.Redis, log: Log, slots: WaitSlots
) -> Repairs:
    """Those of the real system; nothing is connected to before the first request."""
    parking = Parking(read)
    return Repairs(
        casualties=Casualties(write, Broker(client)),
        log=log,
        parking=parking,
        orders=MendingOrders(Registry(read), Checkpoints(read), parking, Doorbells(client), OWNER),
        requests=RebuildRequests(read),
        rebuilds=RebuildsSeen(read, log),
        slots=slots,
    )
