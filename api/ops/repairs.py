"""The parts behind the resources by which operators mend something."""

from dataclasses import dataclass

import redis
from pymongo.database import Database

from api.http.freshness import WaitSlots
from bus.connections.clients import StoredDocument
from bus.dead_letters.failures import Failures
from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.queue.broker import Broker
from read_side.generations.registry import Registry
from read_side.parked.parking import Parking
from read_side.parked.retry_requests import RetryRequests
from read_side.projector.checkpoints import Checkpoints
from read_side.rebuild.rebuild_requests import RebuildRequests
from read_side.rebuild.rebuild_status import RebuildStatuses

OWNER = "api"
"""The owner in a lease that the API takes over for an operator."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """The parts of the mending, with a field for each thing that a resource asks or tells."""

    failures: Failures
    log: Log
    parking: Parking
    registry: Registry
    retry_requests: RetryRequests
    requests: RebuildRequests
    rebuilds: RebuildStatuses
    slots: WaitSlots


def repairs(
    write: Database[StoredDocument],
    read: Database[StoredDocument],
    client: redis.Redis,
    log: Log,
    slots: WaitSlots,
) -> Repairs:
    """Return the parts of the real system; nothing connects before the first request."""
    parking, registry = Parking(read), Registry(read)
    return Repairs(
        failures=Failures(write, Broker(client)),
        log=log,
        parking=parking,
        registry=registry,
        retry_requests=RetryRequests(registry, Checkpoints(read), parking, Doorbells(client), OWNER),
        requests=RebuildRequests(read),
        rebuilds=RebuildStatuses(read, log),
        slots=slots,
    )
