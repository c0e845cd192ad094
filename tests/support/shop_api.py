"""The whole API in the test's own process, over real databases and Redis, with nobody handling commands.

What a command comes to is put into the inbox by the test; what the read models hold is folded here, without
a projector.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import redis
from falcon import testing
from pymongo.database import Database

from api.app import Services, create_app
from api.http.admission import Admission
from api.http.commands import Commands
from api.http.freshness import Freshness, WaitSlots
from api.http.log_end import LogEnd
from api.middleware.auth import Verifier
from api.middleware.shedding import Backlog
from api.middleware.telemetry import HttpTelemetry
from api.ops.services import ops_services
from api.resources.gauges import parts
from api.resources.health import probes
from api.resources.metrics import Exposition
from api.tokens import sign
from bus.audit_trail.trail import AuditTrail
from bus.connections.clients import read_database, redis_client, write_database
from bus.inbox.command_records import CommandRecords
from bus.inbox.gateway import CommandGateway
from bus.inbox.inbox import Inbox
from bus.inbox.unfinished import count_unfinished_of
from bus.log.commit import RecordedEvent
from bus.log.log import Log
from bus.log.positions import HighestRead
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.principal import Role
from bus.messages.registry import AnyEvent
from bus.messages.streams import partition_of
from bus.notify.notifier import Notifier
from bus.observability.metric_slots import Slots
from bus.observability.metrics import Metrics
from bus.observability.tracing import Tracing
from bus.queue.broker import Broker
from bus.settings import Settings
from read_side.generations.registry import FIRST, Registry
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS, read_models
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.document_lookup import DocumentLookup
from read_side.queries.store import ReadStore
from read_side.queries.visibility import Visibility
from tests.support import messages
from tests.support.decided import come_to

SECRET = "the secret of the tests, 32 bytes or more"
WAIT = {"Prefer": "wait=5"}


@dataclass
class Shop:
    """The API and what is behind it."""

    settings: Settings
    services: Services
    gateway: CommandGateway
    inbox: Inbox
    log: Log
    write: Database[dict[str, Any]]
    read: Database[dict[str, Any]]
    redis: redis.Redis

    def client(self, role: Role | None = None, subject: str = "") -> testing.TestClient:
        """Somebody who calls the API; nobody in particular without a role."""
        headers: dict[str, str] = {}
        if role is not None:
            token = sign(self.settings, role, subject, timedelta(minutes=5))
            headers["Authorization"] = f"Bearer {token}"
        return testing.TestClient(create_app(self.services), headers=headers)

    @property
    def ann(self) -> testing.TestClient:
        return self.client(Role.CUSTOMER, "c1")

    @property
    def bob(self) -> testing.TestClient:
        return self.client(Role.CUSTOMER, "c2")

    @property
    def staff(self) -> testing.TestClient:
        return self.client(Role.STAFF, "sam")

    @property
    def ops(self) -> testing.TestClient:
        return self.client(Role.OPS, "olga")

    def finish(self, command_id: str, **fields: Any) -> None:
        """Let a command have come to something; success at version 1 unless told otherwise."""
        entry = self.inbox.find(command_id)
        assert entry is not None
        given = {"status": CommandStatus.SUCCEEDED, "seq": 7, "version": 1, **fields}
        stream = entry.envelope.command.stream
        come_to(self.inbox, command_id, Outcome(stream=stream, partition=entry.partition, **given))

    def happened(self, stream: str, *events: AnyEvent) -> None:
        """Let every read model have folded these events of one stream, its versions from 1 on."""
        for version, event in enumerate(events, start=1):
            partition = partition_of(stream, self.log.partitions)
            recorded = RecordedEvent(event, stream, version, partition, version, messages.PLACED_AT)
            for model in READ_MODELS:
                collection = self.read[f"{model.name}.g{FIRST}"]
                for blank in model.keys(event):
                    document = collection.find_one({"_id": blank["_id"]}) or blank
                    folded = {**model.fold(document, recorded), "_pos": version}
                    collection.replace_one({"_id": blank["_id"]}, folded, upsert=True)

    def empty(self) -> None:
        """Forget everything that happened; faster than another shop, whose indexes take a second."""
        write = write_database(self.settings)
        with write.client:
            for name in ("commands", "commits", "dead_letters", "positions", "audit"):
                write[name].delete_many({})
        self.log._seen = HighestRead()  # its positions are given again
        self.services.freshness._log_end = LogEnd(self.log)
        for name in self.read.list_collection_names():
            if name.endswith(f".g{FIRST}") or name in {"parked", "rebuild_requests"}:
                self.read[name].delete_many({})
        with redis_client(self.settings) as client:
            client.flushdb()


def settings_for_a_module(redis_url: str, mongodb_uri: str) -> Settings:
    """Databases that the tests of one module share."""
    module = uuid.uuid4().hex[:12]
    return Settings(
        redis_url=redis_url,
        write_mongodb_uri=mongodb_uri,
        write_database=f"write_{module}",
        read_mongodb_uri=mongodb_uri,
        read_database=f"read_{module}",
    )


def services_over(
    settings: Settings,
    *,
    write: Database[dict[str, Any]],
    read: Database[dict[str, Any]],
    client: redis.Redis,
    notifier: Notifier,
    wait_slots: int = 4,
    tracing: Tracing | None = None,
    draining: bool = False,
) -> tuple[Services, CommandGateway]:
    """The services as the API's main wires them; nothing is connected to."""
    inbox, log = Inbox(write, settings.log_partitions), Log(write, settings.log_partitions)
    checkpoints = Checkpoints(read)
    models = read_models(settings.shop_zone)
    store = ReadStore(read, models)
    parking = Parking(read)
    visibility = Visibility(store, checkpoints, parking)
    slots, stopping = WaitSlots(wait_slots), threading.Event()
    freshness = Freshness(
        store=store,
        visibility=visibility,
        notifier=notifier,
        slots=slots,
        log_end=LogEnd(log),
        partitions=settings.log_partitions,
        stopping=stopping,
    )
    telemetry = HttpTelemetry(Metrics(), tracing)
    records = CommandRecords(write, inbox, log)
    gateway = CommandGateway(records, Broker(client), notifier, metrics=telemetry.metrics)
    looked_up = parts(write, client, log, store, checkpoints, parking)
    count = partial(count_unfinished_of, write["commands"])
    admission = Admission.from_settings(settings, count, Backlog(client, settings.max_waiting_commands))
    services = Services(
        commands=Commands(
            gateway=gateway, freshness=freshness, slots=slots, stopping=stopping, admission=admission
        ),
        records=records,
        log=log,
        visibility=visibility,
        freshness=freshness,
        verifier=Verifier.from_settings(settings),
        probes=probes(
            write,
            read,
            client,
            checkpoints,
            of_other_zones=store.of_other_zones,
            prepared=lambda: True,
            draining=lambda: draining,
        ),
        exposition=Exposition(Slots(write), looked_up, kept_s=0),
        telemetry=telemetry,
        ops_services=ops_services(
            write,
            read,
            client,
            log,
            DocumentLookup(store, checkpoints, parking),
            slots,
            sweep_after_ms=settings.sweep_after_ms,
            kept_s=0,
            models=models,
        ),
        trail=AuditTrail(write, settings.audit_trail_days),
        zone=settings.shop_zone,
    )
    return services, gateway


@contextmanager
def open_shop(
    settings: Settings, *, wait_slots: int = 4, tracing: Tracing | None = None, draining: bool = False
) -> Iterator[Shop]:
    """The API over the test's own databases, as after the projections' first start."""
    configured = settings.model_copy(update={"jwt_secret": Settings(jwt_secret=SECRET).jwt_secret})
    write, read = write_database(configured), read_database(configured)
    client, listening = redis_client(configured), redis_client(configured)
    notifier = Notifier(listening)
    services, gateway = services_over(
        configured,
        write=write,
        read=read,
        client=client,
        notifier=notifier,
        wait_slots=wait_slots,
        tracing=tracing,
        draining=draining,
    )
    services.log.create()
    services.trail.create()
    inbox = Inbox(write, configured.log_partitions)
    inbox.create()
    Registry(read).create(read_models(configured.shop_zone))
    checkpoints = Checkpoints(read)
    for model in READ_MODELS:
        checkpoints.create(model.name, FIRST, configured.log_partitions)
    notifier.start()
    try:
        yield Shop(configured, services, gateway, inbox, services.log, write, read, client)
    finally:
        notifier.stop()
        for connection in (client, listening):
            connection.close()
        for database in (write, read):
            database.client.close()
