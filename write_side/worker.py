"""The process that handles commands, built from its parts."""

from bus.connections.clients import redis_client, write_database
from bus.connections.mongodb_address import WRITE_URI, refuse_one_of_several
from bus.inbox.attempts import Attempts
from bus.inbox.gateway import COMMANDS_QUEUE
from bus.inbox.inbox import Inbox
from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.notify.subscriptions import Subscriptions
from bus.observability import logs
from bus.observability.heartbeat_thread import HeartbeatThread
from bus.observability.logs import logger
from bus.observability.metrics import Metrics
from bus.observability.outages import Outages
from bus.observability.tracing import Tracing
from bus.primitives.database_clock import DatabaseClock
from bus.queue import worker_process
from bus.queue.broker import Broker
from bus.settings import Settings
from write_side.handling.announcer import RedisAnnouncer
from write_side.handling.command_worker import CommandWorker
from write_side.handling.handler import CommandHandler
from write_side.handling.telemetry import CommandTelemetry

KIND = "commands"
STALLED_S = 60.0
"""The most seconds that a turn may take: several operations on MongoDB of 10 s each, and no more. A
thread that hangs cannot be ended, so the process ends."""
HELP_AFTER_S = 0.25
"""The seconds that a command waits for one that another worker has, before that is handled here
too."""


def main() -> None:
    """Handle commands until SIGTERM or SIGINT."""
    settings = Settings.for_command_line()
    logs.configure(settings.log_level, settings.log_format)
    stopping = worker_process.stop_on_signals()

    database = write_database(settings)
    client = redis_client(settings)
    log = Log(database, settings.log_partitions)
    inbox = Inbox(database, settings.log_partitions)
    announcer = RedisAnnouncer(client, Doorbells(client), Subscriptions(database))
    broker = Broker(client)
    metrics = Metrics()
    tracing = Tracing.from_settings(settings, KIND)
    telemetry = CommandTelemetry(metrics, tracing)
    heartbeats = HeartbeatThread.of(database, KIND, metrics)
    outages = Outages.of([database], client, stopping)
    clock = DatabaseClock(database)
    handler = CommandHandler(
        log, inbox, Attempts(database), announcer, settings.max_attempts, telemetry, HELP_AFTER_S, clock.now
    )
    worker = CommandWorker(broker, handler, stopping, telemetry, clock, told=outages.noticed)

    def prepare() -> None:
        refuse_one_of_several({WRITE_URI: database})
        log.create()
        inbox.create()

    def ailment() -> str | None:
        return f"a turn has been going on for {STALLED_S:g} s" if worker.busy_s() > STALLED_S else None

    if worker_process.until_ready(prepare, stopping):
        outages.start()
        heartbeats.start()
        worker.start()
        logger.info("working", queues=[COMMANDS_QUEUE])
        watched = (worker.thread, outages.thread, heartbeats.thread)
        try:
            worker_process.supervise(broker, watched, stopping, worker.stop, ailment)
        finally:
            heartbeats.stop()
    if tracing is not None:
        tracing.stop()
