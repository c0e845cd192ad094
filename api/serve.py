"""The API's main: builds everything once, wires it, and serves until SIGTERM or SIGINT."""

import signal
import threading
from types import FrameType

from pymongo.errors import PyMongoError

from api.app import Services, create_app
from api.auth import Verifier
from api.commands import Commands
from api.freshness import Freshness, WaitSlots
from api.gauges import parts
from api.health import probes
from api.metrics import Exposition
from api.server import Server
from api.shedding import Backlog
from api.telemetry import Telemetry
from bus import logs
from bus.broker import Broker
from bus.connections import WEB_TIMEOUT_MS, read_database, redis_client, write_database
from bus.errors import LogMismatchError
from bus.gateway import CommandGateway
from bus.inbox import Inbox
from bus.log import Log
from bus.logs import logger
from bus.metric_slots import Slots
from bus.metrics import Metrics
from bus.pulse import Pulse
from bus.settings import Settings
from bus.signals import Signals
from bus.tracing import Tracing
from read_side.checkpoints import Checkpoints
from read_side.parking import Parking
from read_side.store import ReadStore
from read_side.visibility import Visibility

KIND = "web"
REDIS_TIMEOUT_S = 1.0
RETRY_S = 1.0


class Preparation:
    """Makes the write collections, trying until MongoDB is there; a log that does not fit stops the API."""

    def __init__(self, log: Log, inbox: Inbox) -> None:
        self._log = log
        self._inbox = inbox
        self._done = threading.Event()
        self._stopping = threading.Event()
        self.mismatch: LogMismatchError | None = None

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def start(self, server: Server) -> None:
        threading.Thread(target=self._run, args=(server,), name="preparation", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self, server: Server) -> None:
        while not self._stopping.is_set():
            try:
                self._log.create()
                self._inbox.create()
            except PyMongoError as error:
                logger.warning("waiting for MongoDB", error=error)
                self._stopping.wait(RETRY_S)
            except LogMismatchError as error:
                self.mismatch = error
                server.stop()
                return
            else:
                self._done.set()
                return


def serve() -> None:
    """Serve.

    Raises:
        ConfigurationError: there is no key to check tokens with, or the port cannot be had.
        LogMismatchError: the log has another number of partitions.

    """
    settings = Settings.load()
    logs.configure(settings.log_level)
    verifier = Verifier.from_settings(settings)

    write, read = write_database(settings, WEB_TIMEOUT_MS), read_database(settings, WEB_TIMEOUT_MS)
    client = redis_client(settings, REDIS_TIMEOUT_S)
    signals = Signals(redis_client(settings))
    inbox, log = Inbox(write, settings.log_partitions), Log(write, settings.log_partitions)
    checkpoints = Checkpoints(read)
    preparation = Preparation(log, inbox)
    metrics = Metrics()
    tracing = Tracing.from_settings(settings, KIND)
    telemetry = Telemetry(metrics, tracing)
    pulse = Pulse.of(write, KIND, metrics)
    gateway = CommandGateway(inbox, Broker(client), signals, metrics)
    stopping = threading.Event()
    store = ReadStore(read)
    parking = Parking(read)
    visibility = Visibility(store, checkpoints, parking)
    slots = WaitSlots(settings.web_threads // 2)
    freshness = Freshness(
        store=store,
        visibility=visibility,
        signals=signals,
        slots=slots,
        partitions=settings.log_partitions,
        stopping=stopping,
    )
    services = Services(
        commands=Commands(gateway, freshness, slots),
        inbox=inbox,
        log=log,
        visibility=visibility,
        freshness=freshness,
        verifier=verifier,
        probes=probes(
            write,
            read,
            client,
            checkpoints,
            prepared=lambda: preparation.done,
            listening=lambda: signals.alive,
            draining=stopping.is_set,
        ),
        exposition=Exposition(Slots(write), parts(write, client, log, store, checkpoints, parking)),
        telemetry=telemetry,
    )
    server = Server(
        create_app(services),
        settings.api_host,
        settings.api_port,
        threads=settings.web_threads,
        max_queued=settings.max_queued_requests,
        backlog=Backlog(client, settings.max_waiting_commands),
        on_refusal=telemetry.refused,
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()
        gateway.stop_waiting()
        server.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signals.start()
    pulse.start()
    preparation.start(server)
    logger.info("serving", host=settings.api_host, port=server.port)
    try:
        server.run()
    finally:
        preparation.stop()
        pulse.stop()
        signals.stop()
        if tracing is not None:
            tracing.stop()
    if preparation.mismatch is not None:
        raise preparation.mismatch
    logger.info("stopped")
