"""The thread that takes commands off their queue and handles them, a batch at a time.

Dramatiq's own worker hands each message to a thread of its own, which knows nothing of the others.
Here one thread fetches the waiting messages, decides a batch together, and acknowledges its
messages together. That is a third of the work, and the thread can choose a batch among all that it
fetched. The messages and the keys are Dramatiq's as ever.

A command that cannot be handled is not retried over the queue: its message is acknowledged, and the
sweep enqueues the command again, once. While MongoDB is away, the thread acknowledges nothing and
tries everything again after a growing pause. While Redis is away, it handles what it has fetched,
and acknowledges it when Redis is back. If this process is suspended and does not acknowledge a
message in time, another worker gets the message as well, and finds the work done or does it.
"""

import threading
import time
from collections.abc import Callable

import redis
from dramatiq.errors import ConnectionClosed

from bus.inbox.gateway import COMMANDS_QUEUE
from bus.observability.logs import logger
from bus.primitives.database_clock import DatabaseClock
from bus.queue.broker import Broker
from bus.queue.consumer import BlockingConsumer
from bus.queue.worker_process import DRAIN_MS
from write_side.handling.handler import CommandHandler
from write_side.handling.in_flight import BATCH
from write_side.handling.telemetry import CommandTelemetry
from write_side.handling.transience import is_transient

PREFETCH = 2_000
"""The most commands in flight in one process, about 10 MB. The worker knows this many of a burst,
and other commands overtake them."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
LOOK_AGAIN_S = 0.01
"""The pause in seconds before the worker looks again at commands that wait for another worker."""


class CommandWorker:
    """Handles the commands of the queue until told to stop."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        broker: Broker,
        handler: CommandHandler,
        stopping: threading.Event,
        telemetry: CommandTelemetry,
        clock: DatabaseClock,
        told: Callable[[BaseException], bool] = lambda _: False,
    ) -> None:
        """Make the worker. It does not log errors that ``told`` says are told elsewhere."""
        self._broker = broker
        self._handler = handler
        self._stopping = stopping
        self._telemetry = telemetry
        self._clock = clock
        self._told = told
        self._fetched: set[str] = set()
        """The commands whose messages are neither acknowledged nor given back."""
        self._handled: list[str] = []
        """The commands that are done with, so that their messages can be acknowledged."""
        self._pause_s = FIRST_PAUSE_S
        self._turn_began: float | None = None
        self.thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Let the present turn end, once ``stopping`` is set; leave behind a turn that hangs."""
        self.thread.join(DRAIN_MS / 1000)

    def busy_s(self) -> float:
        """Return for how many seconds the present turn has been going on; 0 if there is none."""
        began = self._turn_began
        return 0.0 if began is None else time.monotonic() - began

    def _run(self) -> None:
        consumer: BlockingConsumer | None = None
        with self._handler:
            while not self._stopping.is_set():
                try:
                    consumer = consumer or self._consumer()
                    self._fetch(consumer)
                except (ConnectionClosed, redis.RedisError) as error:
                    self._tell_of_redis(error)
                    consumer = None
                self._work()
                try:
                    self._acknowledge(consumer)
                except (ConnectionClosed, redis.RedisError) as error:
                    self._tell_of_redis(error)
                    consumer = None

    def _consumer(self) -> BlockingConsumer:
        consumer = self._broker.consume(COMMANDS_QUEUE, PREFETCH)
        assert isinstance(consumer, BlockingConsumer)  # noqa: S101 - what the broker makes
        return consumer

    def _tell_of_redis(self, error: Exception) -> None:
        """Warn that Redis is away, and pause if nothing is in flight.

        The next consumer finds what this one has lost.
        """
        if not self._told(error.__context__ or error):
            logger.warning("no commands are fetched while Redis is away", error=error)
        if not self._handler.in_flight:
            self._stopping.wait(LONGEST_PAUSE_S)

    def _fetch(self, consumer: BlockingConsumer) -> None:
        room = max(0, min(BATCH, PREFETCH - len(self._fetched)))
        messages = consumer.take(room, waits=not self._fetched)
        self._fetched.update(message.message_id for message in messages)

    def _work(self) -> None:
        """Handle a batch. An error of MongoDB concerns the whole batch, and passes."""
        self._turn_began = time.monotonic()
        try:
            self._clock.ask_if_due()
            self._take_in()
            handled = self._handler.turn() if self._handler.in_flight else []
        except Exception as error:  # noqa: BLE001 - whatever it is, the inbox has the commands
            if not is_transient(error):
                logger.exception("commands could not be handled")
            elif not self._told(error):
                logger.warning("commands wait", error=error)
            self._handler.let_go()
            self._stopping.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return
        finally:
            self._turn_began = None
        self._pause_s = FIRST_PAUSE_S
        for entry, result in handled:
            if isinstance(result, Exception):
                self._telemetry.left(entry.envelope, result, told=self._told(result))
            self._handled.append(entry.command_id)
        if not handled and self._handler.in_flight:
            self._stopping.wait(LOOK_AGAIN_S)

    def _take_in(self) -> None:
        """Put everything that was fetched in flight, also if it was let go of before."""
        ended = set(self._handled)
        new = [one for one in self._fetched if one not in self._handler.in_flight and one not in ended]
        for start in range(0, len(new), BATCH):
            self._handled += self._handler.take(new[start : start + BATCH])

    def _acknowledge(self, consumer: BlockingConsumer | None) -> None:
        ended = [command_id for command_id in self._handled if command_id in self._fetched]
        if ended and consumer is not None:
            consumer.end(ended)
            self._fetched.difference_update(ended)
            ended = []
        self._handled = ended
