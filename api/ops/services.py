"""What the dashboard's resources work with, built once by a main and passed in."""

from dataclasses import dataclass

import redis
from pymongo.database import Database

from api.http.freshness import WaitSlots
from api.ops.flow import FlowMeter
from api.ops.kept import KEPT_S
from api.ops.queues import QueueBoard
from api.ops.read_models import Standings
from api.ops.repairs import Repairs, repairs
from api.ops.timeline import Teller
from bus.connections.clients import Documents
from bus.inspection.snapshot import Looking
from bus.log.log import Log
from bus.observability.timeline import Trails
from read_side.queries.document_lookup import Showing


@dataclass(frozen=True, slots=True)
class Desk:
    """One field for each thing that is asked or done."""

    flow: FlowMeter
    queues: QueueBoard
    standings: Standings
    teller: Teller
    repairs: Repairs


def desk(  # noqa: PLR0913, PLR0917 - one for each thing that is asked or done
    write: Database[Documents],
    read: Database[Documents],
    client: redis.Redis,
    log: Log,
    showing: Showing,
    slots: WaitSlots,
    *,
    sweep_after_ms: int,
    kept_s: float = KEPT_S,
) -> Desk:
    """The desk of the real system; nothing is connected to before the first request."""
    standings = Standings(log, read, kept_s)
    return Desk(
        flow=FlowMeter(write, client, log, standings, kept_s),
        queues=QueueBoard(Looking(client, write, read, log.partitions, sweep_after_ms), kept_s=kept_s),
        standings=standings,
        teller=Teller(log, Trails(write, log), showing),
        repairs=repairs(write, read, client, log, slots),
    )
