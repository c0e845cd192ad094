"""The API's main: builds everything once, wires it, and serves until SIGTERM or SIGINT."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from pymongo.database import Database

from api.app import Services, create_app
from api.http.admission import Admission
from api.http.commands import Commands
from api.http.freshness import WAITING_AT_A_TIME, Freshness, WaitSlots
from api.http.log_end import LogEnd
from api.middleware.auth import Verifier
from api.middleware.deadline import bounded
from api.middleware.deny_list import DenyList
from api.middleware.security import security_headers
from api.middleware.shedding import Backlog
from api.middleware.telemetry import HttpTelemetry
from api.ops.services import ops_services
from api.resources.gauges import parts
from api.resources.health import ReadinessWatch, probes
from api.resources.metrics import Exposition
from api.server.limits import Limits
from api.server.server import Server
from bus.audit_trail.trail import AuditTrail
from bus.connections.clients import (
    WEB_TIMEOUT_MS,
    StoredDocument,
    read_database,
    redis_client,
    write_database,
)
from bus.connections.mongodb_address import READ_URI, WRITE_URI, refuse_one_of_several
from bus.inbox.command_records import CommandRecords
from bus.inbox.gateway import CommandGateway
from bus.inbox.inbox import Inbox
from bus.inbox.unfinished import count_unfinished_of
from bus.log.log import Log
from bus.notify.notifier import Notifier
from bus.observability import logs
from bus.observability.heartbeat_thread import HeartbeatThread
from bus.observability.interruption import Interruption
from bus.observability.logs import logger
from bus.observability.metric_slots import Slots
from bus.observability.metrics import Metrics
from bus.observability.tracing import Tracing
from bus.primitives.circuit_breaker import CircuitBreaker
from bus.primitives.database_clock import ASK_EVERY_S, DatabaseClock
from bus.primitives.termination import Termination
from bus.queue.broker import Broker
from bus.settings import Settings
from read_side.parked.parking import Parking
from read_side.projections import read_models
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.document_lookup import DocumentLookup
from read_side.queries.store import ReadStore
from read_side.queries.visibility import Visibility

KIND = "web"
REDIS_TIMEOUT_S = 1.0
RETRY_S = 1.0


class Background:
    """The thread beside the requests: prepares MongoDB, then keeps the time right.

    It goes on trying until MongoDB is there. Any other error ends it and the API, above all a log
    that does not fit.
    """

    def __init__(self, prepare: Callable[[], None], clock: DatabaseClock) -> None:
        self._prepare = prepare
        self._clock = clock
        self._prepared = threading.Event()
        self._stopping = threading.Event()
        self.failure: Exception | None = None

    @property
    def prepared(self) -> bool:
        return self._prepared.is_set()

    def start(self, server: Server) -> None:
        threading.Thread(target=self._run, args=(server,), name="background", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self, server: Server) -> None:
        try:
            self._until_it_works(self._prepare, RETRY_S)
            self._prepared.set()
            while not self._stopping.wait(ASK_EVERY_S):
                self._until_it_works(self._clock.ask, ASK_EVERY_S)
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.failure = error
            server.stop()

    def _until_it_works(self, step: Callable[[], None], pause_s: float) -> None:
        waiting = Interruption("waiting for MongoDB", "MongoDB is there")
        while not self._stopping.is_set():
            with waiting:
                step()
                return
            self._stopping.wait(pause_s)


def _prepare(
    write: Database[StoredDocument], read: Database[StoredDocument], log: Log, inbox: Inbox, trail: AuditTrail
) -> None:
    refuse_one_of_several({WRITE_URI: write, READ_URI: read})
    log.create()
    inbox.create()
    trail.create()


def serve() -> None:
    """Serve the API until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: there is no key to check tokens with, the server cannot listen on the
            port, or a MongoDB URI leads to one of several members.
        LogMismatchError: the log has another number of partitions.

    """
    termination = Termination()
    settings = Settings.for_command_line()
    logs.configure(settings.log_level, settings.log_format)
    write, read = write_database(settings, WEB_TIMEOUT_MS), read_database(settings, WEB_TIMEOUT_MS)
    denied = DenyList(write, settings.jwt_leeway_s)
    verifier = Verifier.from_settings(settings, denied)
    client = redis_client(settings, REDIS_TIMEOUT_S)
    notifier = Notifier(redis_client(settings))
    inbox, log = Inbox(write, settings.log_partitions), Log(write, settings.log_partitions)
    trail = AuditTrail(write, settings.audit_trail_days)
    records = CommandRecords(write, inbox, log)
    checkpoints = Checkpoints(read)
    clock = DatabaseClock(write)
    background = Background(lambda: _prepare(write, read, log, inbox, trail), clock)
    breaker = CircuitBreaker()
    metrics = Metrics()
    tracing = Tracing.from_settings(settings, KIND)
    telemetry = HttpTelemetry(metrics, tracing)
    heartbeats = HeartbeatThread.of(write, KIND, metrics)
    gateway = CommandGateway(records, Broker(client), notifier, breaker, metrics)
    stopping = threading.Event()
    models = read_models(settings.shop_zone)
    store = ReadStore(read, models)
    parking = Parking(read)
    visibility = Visibility(store, checkpoints, parking)
    slots = WaitSlots(WAITING_AT_A_TIME)
    freshness = Freshness(
        store=store,
        visibility=visibility,
        notifier=notifier,
        slots=slots,
        log_end=LogEnd(log),
        partitions=settings.log_partitions,
        stopping=stopping,
    )
    backlog = Backlog(client, settings.max_waiting_commands, breaker)
    admission = Admission.from_settings(settings, partial(count_unfinished_of, write["commands"]), backlog)
    parts_of_service = probes(
        write,
        read,
        client,
        checkpoints,
        of_other_zones=store.of_other_zones,
        prepared=lambda: background.prepared and denied.is_known,
        listening=lambda: notifier.alive,
        draining=stopping.is_set,
    )
    watch = ReadinessWatch(parts_of_service)
    services = Services(
        commands=Commands(
            gateway=gateway,
            freshness=freshness,
            slots=slots,
            stopping=stopping,
            admission=admission,
            now=clock.now,
        ),
        records=records,
        log=log,
        visibility=visibility,
        freshness=freshness,
        verifier=verifier,
        probes=parts_of_service,
        ready_parts=watch.found,
        exposition=Exposition(Slots(write), parts(write, client, log, store, checkpoints, parking)),
        telemetry=telemetry,
        ops_services=ops_services(
            write,
            read,
            client,
            log,
            DocumentLookup(store, checkpoints, parking),
            WaitSlots(settings.web_threads // 2),
            sweep_after_ms=settings.sweep_after_ms,
            models=models,
        ),
        trail=trail,
        zone=settings.shop_zone,
        public_details=settings.public_details,
    )
    server = Server(
        bounded(create_app(services, settings.cors_origins or (), settings.hsts_s)),
        settings.api_host,
        settings.api_port,
        threads=settings.web_threads,
        max_queued=settings.max_queued_requests,
        limits=Limits(
            per_address=settings.max_connections_per_address, trusted_proxies=settings.trusted_proxies or ()
        ),
        backlog=backlog,
        on_refusal=telemetry.refused,
        on_leaving=telemetry.left,
        on_closing=telemetry.closed,
        headers=security_headers(settings.hsts_s),
        stopping=stopping,
    )
    termination.tell(server.stop)
    with ExitStack() as running:
        if tracing is not None:
            running.callback(tracing.stop)
        for part in (notifier, heartbeats, verifier, watch):
            part.start()
            running.callback(part.stop)
        background.start(server)
        running.callback(background.stop)
        logger.info("serving", host=settings.api_host, port=server.port)
        server.run()
    if background.failure is not None:
        raise background.failure
    logger.info("stopped")
