"""The API with services for operators whose servers are elsewhere: where nobody is, mostly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from falcon import testing
from pydantic import SecretStr

from api.app import create_app
from api.http.freshness import WaitSlots
from api.ops.services import ops_services
from bus.connections.clients import WEB_TIMEOUT_MS, read_database, redis_client, write_database
from bus.log.log import Log
from read_side.parked.parking import Parking
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.document_lookup import DocumentLookup
from read_side.queries.store import ReadStore
from tests.support.shop_api import Shop

NO_MONGODB = "mongodb://127.0.0.1:1"
NO_REDIS = "redis://127.0.0.1:1/0"


@contextmanager
def elsewhere(shop: Shop, **where: str) -> Iterator[testing.TestClient]:
    """An operator's client of the same API with part of what its services look at somewhere else."""
    settings = shop.settings.model_copy(update={name: SecretStr(address) for name, address in where.items()})
    write, read = write_database(settings, WEB_TIMEOUT_MS), read_database(settings, WEB_TIMEOUT_MS)
    with write.client, read.client, redis_client(settings, 1.0) as client:
        moved = ops_services(
            write,
            read,
            client,
            Log(write, settings.log_partitions),
            DocumentLookup(ReadStore(read), Checkpoints(read), Parking(read)),
            WaitSlots(1),
            sweep_after_ms=settings.sweep_after_ms,
            kept_s=0,
        )
        app = create_app(replace(shop.services, ops_services=moved))
        yield testing.TestClient(app, headers=shop.ops._default_headers)
