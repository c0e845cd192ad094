"""The process that handles commands: what it is made of, and its one actor."""

import threading
from collections.abc import Callable

import dramatiq
from pydantic import ValidationError

from bus import logs, workers
from bus.attempts import Attempts
from bus.broker import Broker
from bus.connections import redis_client, write_database
from bus.doorbells import Doorbells
from bus.errors import UnknownMessageError
from bus.gateway import COMMANDS_QUEUE, HANDLE_COMMAND
from bus.inbox import Inbox
from bus.log import Log
from bus.logs import told as in_words
from bus.messages.envelope import CommandEnvelope
from bus.mongodb_address import WRITE_URI, refuse_one_of_several
from bus.observing.metrics import Metrics
from bus.observing.pulse import Pulse
from bus.observing.tracing import Tracing
from bus.outages import Outages
from bus.settings import Settings
from bus.subscriptions import Subscriptions
from write_side.bell import WriteSideBell
from write_side.handling import Handling
from write_side.telemetry import Telemetry

KIND = "commands"
PAUSE_S = 1.0
STALLED_S = 60.0
"""How long a command may be in hand: several operations on MongoDB of 10 s each, and no more. A thread that
hangs cannot be ended, and others of its process may wait for it, so the process ends."""


def register_actor(
    broker: Broker,
    handling: Handling,
    stopping: threading.Event,
    telemetry: Telemetry,
    told: Callable[[BaseException], bool] = lambda _: False,
) -> None:
    """Declare the actor of the ``commands`` queue. Errors that are ``told`` elsewhere are not logged here.

    What could not be handled is not retried over the queue: the message is done with, and the sweep enqueues
    the command again, once. A retry beside it would multiply. The pause keeps a queue from emptying into
    the sweep while MongoDB is away.
    """

    def handle_command(envelope: dict[str, object]) -> None:
        try:
            command = CommandEnvelope.from_stored(envelope)
        except ValidationError as error:
            raise UnknownMessageError(in_words(error)) from None
        try:
            handling(command)
        except Exception as error:  # noqa: BLE001 - whatever it is, the inbox has the command
            telemetry.left(command, error, told=told(error))
            stopping.wait(PAUSE_S)

    declare = dramatiq.actor(
        broker=broker,
        queue_name=COMMANDS_QUEUE,
        actor_name=HANDLE_COMMAND,
        throws=UnknownMessageError,  # to the dead letters at once; the inbox keeps it as failed
    )
    declare(handle_command)


def main() -> None:
    """Handle commands until SIGTERM or SIGINT."""
    settings = Settings.load()
    logs.configure(settings.log_level)
    stopping = workers.stop_on_signals()

    database = write_database(settings)
    client = redis_client(settings)
    log = Log(database, settings.log_partitions)
    inbox = Inbox(database, settings.log_partitions)
    bell = WriteSideBell(client, Doorbells(client), Subscriptions(database))
    broker = Broker(client)
    metrics = Metrics()
    tracing = Tracing.from_settings(settings, KIND)
    telemetry = Telemetry(metrics, tracing)
    pulse = Pulse.of(database, KIND, metrics)
    outages = Outages.of([database], client, stopping)
    handling = Handling(log, inbox, Attempts(database), bell, settings.max_attempts, telemetry)
    register_actor(broker, handling, stopping, telemetry, told=outages.noticed)

    def prepare() -> None:
        refuse_one_of_several({WRITE_URI: database})
        log.create()
        inbox.create()

    def ailment() -> str | None:
        stalled = handling.in_hand.longest_s() > STALLED_S
        return f"a command has been in hand for {STALLED_S:g} s" if stalled else None

    if workers.until_ready(prepare, stopping):
        outages.start()
        pulse.start()
        beside = (outages.thread, pulse.thread)
        try:
            workers.run(broker, {COMMANDS_QUEUE}, settings.command_threads, stopping, beside, ailment)
        finally:
            pulse.stop()
    if tracing is not None:
        tracing.stop()
