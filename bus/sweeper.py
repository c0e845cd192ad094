"""The clock delivers again what was accepted and is neither finished nor queued.

It also collects dead letters. It may run once or several times: enqueuing is idempotent. No host's
wall clock matters. A clock of mongod's that was wrong delays nothing by more than
``SWEEP_AFTER_MS`` and a 16th of it once it is put right (``bus.inbox.overdue``).
"""

import threading
from collections.abc import Callable

from pymongo.database import Database

from bus.connections.clients import StoredDocument, redis_client, write_database
from bus.connections.mongodb_address import WRITE_URI, refuse_one_of_several
from bus.dead_letters.store import DeadLetters
from bus.inbox.gateway import COMMANDS_QUEUE, command_message
from bus.inbox.inbox import BEFORE_ALL, Inbox
from bus.inbox.overdue import Overdue
from bus.log.log import Log
from bus.notify.subscriptions import Subscriptions
from bus.observability import logs
from bus.observability.heartbeat_thread import HeartbeatThread
from bus.observability.interruption import Interruption
from bus.observability.logs import logger
from bus.observability.metrics import RESCUES, Metrics
from bus.queue import worker_process
from bus.queue.broker import Broker
from bus.settings import Settings

KIND = "clock"
SWEEP_BATCH = 1_000
SWEEP_PAGES = 10
"""The pages of ``SWEEP_BATCH`` commands that one sweep looks at; the next goes on behind them."""
PAUSE_S = 1.0


class Sweep:
    """One look through the inbox for overdue commands.

    A backlog may be larger than one look, and all that is old in it may be on the queue already. So
    each look goes on where the one before it ended, and begins anew after the end. Of n overdue
    commands, each is looked at once in n / (``SWEEP_BATCH`` x ``SWEEP_PAGES``) looks. A look ends
    early once it has enqueued ``SWEEP_BATCH``.
    """

    def __init__(
        self,
        database: Database[StoredDocument],
        inbox: Inbox,
        broker: Broker,
        after_ms: int,
        metrics: Metrics | None = None,
    ) -> None:
        self._overdue = Overdue(database, inbox, after_ms)
        self._inbox = inbox
        self._broker = broker
        self._place = BEFORE_ALL
        """The place of the last command that was looked at."""
        self._metrics = metrics or Metrics()  # else nobody is told

    def __call__(self) -> int:
        """Enqueue the overdue commands that are not on the queue; return how many there were."""
        last = self._overdue()
        rescued = 0
        for _ in range(SWEEP_PAGES):
            page = self._inbox.unfinished_since(last, SWEEP_BATCH, after=self._place)
            rescued += self._rescue(list(page))
            is_last = len(page) < SWEEP_BATCH
            self._place = BEFORE_ALL if is_last else max(page.values())
            if is_last or rescued >= SWEEP_BATCH:
                break
        if rescued:
            self._metrics.count(RESCUES, "sweep", by=rescued)
            logger.info("enqueued again", commands=rescued)
        return rescued

    def _rescue(self, overdue: list[str]) -> int:
        # A worker notes the outcome before it takes the message off the queue. So what is not
        # there, and after that has no outcome, is lost; what is being handled right now is not
        # taken for it. An outcome need not be settled for that: should a failover take it back, the
        # next look finds the command.
        lost = self._inbox.still_unfinished(self._broker.absent(COMMANDS_QUEUE, overdue))
        return self._broker.enqueue_once([command_message(command_id) for command_id in lost])


class Sweeping:
    """A thread that sweeps every second.

    It is a thread because a server that hangs must not keep the process from stopping.
    """

    def __init__(self, turn: Callable[[], object], stopping: threading.Event) -> None:
        self._turn = turn
        self._stopping = stopping
        self.thread = threading.Thread(target=self._run, name="sweeping", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def _run(self) -> None:
        waiting = Interruption("the sweep waits for its servers", "sweeping again")
        while not self._stopping.is_set():
            with waiting:
                self._turn()
            self._stopping.wait(PAUSE_S)


def main() -> None:
    """Sweep until SIGTERM or SIGINT."""
    settings = Settings.for_command_line()
    logs.configure(settings.log_level, settings.log_format)
    stopping = worker_process.stop_on_signals()

    database = write_database(settings)
    client = redis_client(settings)
    log, inbox = Log(database, settings.log_partitions), Inbox(database, settings.log_partitions)
    metrics = Metrics()
    heartbeats = HeartbeatThread.of(database, KIND, metrics)
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
    if worker_process.until_ready(prepare, stopping):
        logger.info("sweeping")
        sweeping.start()
        heartbeats.start()
        worker_process.watch([sweeping.thread, heartbeats.thread], stopping)
        heartbeats.stop()
    logger.info("stopped")
