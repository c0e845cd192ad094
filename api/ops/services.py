"""The parts that the dashboard's resources use; a main builds them once and passes them in."""

from collections.abc import Iterable
from dataclasses import dataclass

import redis
from pymongo.database import Database

from api.http.freshness import WaitSlots
from api.ops.flow import FlowMeter
from api.ops.queues import QueueBoard
from api.ops.read_models import GenerationStatuses
from api.ops.repairs import Repairs, repairs
from api.ops.timeline import TimelineReader
from bus.connections.clients import StoredDocument
from bus.inspection.snapshot import Inspector
from bus.log.log import Log
from bus.observability.timeline import Timelines
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.queries.document_lookup import DocumentLookup

KEPT_S = 1.0
"""The seconds that all operators share one look. While one looks, the others wait for it."""


@dataclass(frozen=True, slots=True)
class OpsServices:
    """The parts of the dashboard, with a field for each thing that a resource asks or does."""

    flow: FlowMeter
    queues: QueueBoard
    statuses: GenerationStatuses
    timeline_reader: TimelineReader
    repairs: Repairs


def ops_services(  # noqa: PLR0913, PLR0917 - one for each thing that is asked or done
    write: Database[StoredDocument],
    read: Database[StoredDocument],
    client: redis.Redis,
    log: Log,
    document_lookup: DocumentLookup,
    slots: WaitSlots,
    *,
    sweep_after_ms: int,
    kept_s: float = KEPT_S,
    models: Iterable[ReadModel] = READ_MODELS,
) -> OpsServices:
    """Return the services of the real system; nothing connects before the first request."""
    statuses = GenerationStatuses(log, read, models, kept_s)
    return OpsServices(
        flow=FlowMeter(write, client, log, statuses, kept_s),
        queues=QueueBoard(Inspector(client, write, read, log.partitions, sweep_after_ms), kept_s),
        statuses=statuses,
        timeline_reader=TimelineReader(log, Timelines(write, log), document_lookup),
        repairs=repairs(write, read, client, log, slots),
    )
