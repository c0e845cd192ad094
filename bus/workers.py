"""Running a Dramatiq worker as a process: start when the servers are there, drain when told to stop.

The ``dramatiq`` command is not used: its master signals its children, as honcho does, and two signals kill
a worker in the middle of a message. Here any number of signals mean the same.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import redis
from dramatiq import Worker
from pymongo.errors import PyMongoError

from bus.broker import Broker
from bus.errors import TwofoldError
from bus.logs import logger

IDLE_MS = 500
"""How long an idle thread sleeps before it looks whether it should stop."""
DRAIN_MS = 1_500
"""For the messages in progress, and again for the consumers: together below the 4 s that a process may take.
What is not done by then is delivered again, to another process."""
WATCH_S = 0.5
CONNECT_PAUSE_S = 1.0


class WorkerDiedError(TwofoldError):
    """A thread of the worker is gone; the process ends so that its supervisor starts another."""


def stop_on_signals() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; more of them change nothing."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def until_ready(prepare: Callable[[], None], stopping: threading.Event) -> bool:
    """Repeat ``prepare`` while MongoDB or Redis is away; return whether it came through before a stop."""
    waited = False
    while not stopping.is_set():
        try:
            prepare()
        except (PyMongoError, redis.RedisError) as error:
            if not waited:
                logger.warning("waiting for the servers", error=error)
            waited = True
            stopping.wait(CONNECT_PAUSE_S)
        else:
            return True
    return False


def run(
    broker: Broker,
    queues: set[str],
    threads: int,
    stopping: threading.Event,
    beside: tuple[threading.Thread, ...] = (),
) -> None:
    """Work on the queues until told to stop, then finish what is in progress and give back the rest.

    Raises:
        WorkerDiedError: a consumer or worker thread, or one ``beside`` them, ended by itself.

    """
    worker = Worker(broker, queues=queues, worker_timeout=IDLE_MS, worker_threads=threads)
    worker.start()
    logger.info("working", queues=sorted(queues), threads=threads)
    try:
        while not stopping.wait(WATCH_S):
            for thread in (*worker.workers, *worker.consumers.values(), *beside):
                if not thread.is_alive():
                    raise WorkerDiedError(thread.name)
    finally:
        worker.stop(timeout=DRAIN_MS)
        logger.info("stopped", queues=sorted(queues))
