"""Runs a Dramatiq worker as a process: starts when the servers are there, drains at a stop.

The ``dramatiq`` command is not used: its master signals its children, as honcho does, and two
signals kill a worker in the middle of a message. Here any number of signals mean the same.

A stop takes at most ``STOP_S``, whatever hangs. A server that does not answer may hold a thread for
longer than that, so threads that can be left behind do the preparing and the draining. What they
leave undone is delivered again.
"""

import threading
from collections.abc import Callable, Iterable

import redis
from dramatiq import Worker

from bus.errors import TwofoldError
from bus.observability.interruption import Interruption
from bus.observability.logs import logger
from bus.primitives.termination import Termination
from bus.queue.broker import Broker
from bus.queue.work_queue import WorkQueue

IDLE_MS = 60_000
"""The longest that an idle thread waits in a row; work or a stop wakes it."""
DRAIN_MS = 1_400
"""The time for the messages in progress, and again for the consumers.

Together they stay below the 4 s that a process may take. What is not done by then is delivered
again, to another process.
"""
STOP_S = 3.1
WATCH_S = 0.5
CONNECT_PAUSE_S = 1.0
POLL_S = 0.02


class WorkerDiedError(TwofoldError):
    """A thread of the worker is gone or hangs.

    The process ends so that its supervisor starts another.
    """


def stop_on_signals() -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets; call this before any thread starts."""
    stopping = threading.Event()
    Termination().tell(stopping.set)
    return stopping


def until_ready(prepare: Callable[[], None], stopping: threading.Event) -> bool:
    """Repeat ``prepare`` while MongoDB or Redis is away; return True if it succeeds before a stop.

    Any other error that it raises is raised here.
    """
    preparation = _Preparation(prepare, stopping)
    preparation.start()
    while preparation.is_alive() and not stopping.is_set():
        preparation.join(POLL_S)
    if preparation.failure is not None:
        raise preparation.failure
    return preparation.ready


class _Preparation(threading.Thread):
    def __init__(self, prepare: Callable[[], None], stopping: threading.Event) -> None:
        super().__init__(name="preparation", daemon=True)
        self._prepare = prepare
        self._stopping = stopping
        self.ready = False
        self.failure: Exception | None = None

    def run(self) -> None:
        waiting = Interruption("waiting for the servers")
        try:
            while not self._stopping.is_set():
                with waiting:
                    self._prepare()
                    self.ready = True
                    return
                self._stopping.wait(CONNECT_PAUSE_S)
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.failure = error


def run(  # noqa: PLR0913, PLR0917 - what a worker is, and what may end it
    broker: Broker,
    queues: set[str],
    threads: int,
    stopping: threading.Event,
    beside: tuple[threading.Thread, ...] = (),
    ailment: Callable[[], str | None] = lambda: None,
) -> None:
    """Work on the queues until told to stop, then finish what is begun and give back the rest.

    Raises:
        WorkerDiedError: a consumer or worker thread, or one ``beside`` them, ended by itself; or
            ``ailment`` names something that only a new process can mend.

    """
    worker = Worker(broker, queues=queues, worker_timeout=IDLE_MS, worker_threads=threads)
    work_queue = WorkQueue()
    worker.work_queue = work_queue
    worker.start()

    def end() -> None:
        for thread in worker.workers:
            thread.stop()  # each ends after what it has in hand
        work_queue.close()
        worker.stop(timeout=DRAIN_MS)

    logger.info("working", queues=sorted(queues), threads=threads)
    supervise(broker, (*worker.workers, *worker.consumers.values(), *beside), stopping, end, ailment)


def supervise(
    broker: Broker,
    threads: Iterable[threading.Thread],
    stopping: threading.Event,
    end: Callable[[], None],
    ailment: Callable[[], str | None] = lambda: None,
) -> None:
    """Watch threads that work on queues until told to stop.

    Then ``end`` them, and give back the rest.

    Raises:
        WorkerDiedError: as ``watch``.

    """
    try:
        watch(threads, stopping, ailment)
    finally:
        draining = threading.Thread(target=_drain, args=(end, broker), name="draining", daemon=True)
        draining.start()
        draining.join(STOP_S)
        logger.info("stopped", drained=not draining.is_alive())


def _drain(end: Callable[[], None], broker: Broker) -> None:
    """Finish what can be finished; then give back also what threads that hang have in hand.

    Otherwise those messages would wait until this process's heartbeat is missed. Such a thread ends
    with the process. If it has its effect before that, the worker that is given the message finds
    it done.
    """
    end()
    for queue_name, message_ids in list(broker.in_hand.items()):
        unacknowledged = list(message_ids)
        try:
            if unacknowledged:
                broker.do_requeue(queue_name, *unacknowledged)
        except redis.RedisError as error:
            logger.warning("messages stay in flight for a while", queue=queue_name, error=error)
            return
        if unacknowledged:
            logger.info("gave back what was not finished", queue=queue_name, messages=len(unacknowledged))


def watch(
    threads: Iterable[threading.Thread],
    stopping: threading.Event,
    ailment: Callable[[], str | None] = lambda: None,
) -> None:
    """Wait for a stop.

    Raises:
        WorkerDiedError: one of the threads ended before, or there is an ``ailment``.

    """
    watched = tuple(threads)
    while not stopping.wait(WATCH_S):
        for thread in watched:
            if not thread.is_alive() and not stopping.is_set():
                raise WorkerDiedError(f"the thread {thread.name} has ended")
        if (found := ailment()) is not None:
            raise WorkerDiedError(found)
