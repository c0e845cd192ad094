"""The clock: delivers again what was accepted and is neither finished nor queued, and collects dead letters.

It may run once or several times: enqueuing is idempotent. Its own time does not matter, only mongod's.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import redis
from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus import logs, workers
from bus.broker import Broker
from bus.connections import redis_client, write_database
from bus.dead.letters import DeadLetters
from bus.gateway import COMMANDS_QUEUE, command_message
from bus.inbox import Inbox
from bus.log import Log
from bus.logs import logger
from bus.mongodb_address import WRITE_URI, refuse_one_of_several
from bus.observing.metrics import RESCUES, Metrics
from bus.observing.pulse import Pulse
from bus.settings import Settings
from bus.subscriptions import Subscriptions

KIND = "clock"
SWEEP_BATCH = 1_000
PAUSE_S = 1.0


class Sweep:
    """One look through the inbox for overdue commands."""

    def __init__(
        self,
        database: Database[dict[str, Any]],
        inbox: Inbox,
        broker: Broker,
        after_ms: int,
        metrics: Metrics | None = None,
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._broker = broker
        self._after = timedelta(milliseconds=after_ms)
        self._metrics = metrics or Metrics()  # else nobody is told

    def __call__(self) -> int:
        """Enqueue the overdue ones that are not in the queue; return how many there were."""
        now = self._database.command("hello")["localTime"]
        overdue = self._inbox.unfinished_since(Timestamp(now - self._after, 0), SWEEP_BATCH)
        # A worker notes the outcome before it takes the message off the queue. So what is not there, and
        # after that has no outcome, is lost; what is being handled right now is not taken for it.
        lost = self._inbox.still_unfinished(self._broker.absent(COMMANDS_QUEUE, overdue))
        rescued = self._broker.enqueue_once([command_message(entry.envelope) for entry in lost])
        if rescued:
            self._metrics.count(RESCUES, "sweep", by=rescued)
            logger.info("enqueued again", commands=rescued)
        return rescued


class Sweeping:
    """A thread that sweeps every second: a server that hangs must not keep the process from stopping."""

    def __init__(self, turn: Callable[[], object], stopping: threading.Event) -> None:
        self._turn = turn
        self._stopping = stopping
        self.thread = threading.Thread(target=self._run, name="sweeping", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def _run(self) -> None:
        well = True
        while not self._stopping.is_set():
            try:
                self._turn()
            except (PyMongoError, redis.RedisError) as error:
                if well:
                    logger.warning("the sweep waits for its servers", error=error)
                well = False
            else:
                if not well:
                    logger.info("sweeping again")
                well = True
            self._stopping.wait(PAUSE_S)


def main() -> None:
    """Sweep until SIGTERM or SIGINT."""
    settings = Settings.load()
    logs.configure(settings.log_level)
    stopping = workers.stop_on_signals()

    database = write_database(settings)
    client = redis_client(settings)
    log, inbox = Log(database, settings.log_partitions), Inbox(database, settings.log_partitions)
    metrics = Metrics()
    pulse = Pulse.of(database, KIND, metrics)
    sweep = Sweep(database, inbox, Broker(client), settings.sweep_after_ms, metrics)
    letters = DeadLetters(database)
    subscriptions = Subscriptions(database)

    def prepare() -> None:
        refuse_one_of_several({WRITE_URI: database})
        log.create()
        inbox.create()
        letters.create()

    def turn() -> None:
        sweep()
        letters.collect(client, (COMMANDS_QUEUE, *subscriptions.names()))

    sweeping = Sweeping(turn, stopping)
    if workers.until_ready(prepare, stopping):
        logger.info("sweeping")
        sweeping.start()
        pulse.start()
        workers.watch([sweeping.thread, pulse.thread], stopping)
        pulse.stop()
    logger.info("stopped")
