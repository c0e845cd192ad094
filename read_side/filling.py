"""Filling a generation from the log, in parallel over the partitions.

It is the projector's own loop, with larger batches: under the lease of the partition, guarded by each
document's position, documents before the checkpoint. So whatever is true of the projector (a crash in the
middle repeats a batch and changes nothing, of two that believe to hold the lease one stops) is true here, and
a fill that was killed is resumed where it stands.

Folding is Python's work, so partitions are filled by processes, not threads: threads would take turns.
A process that loses its parent ends at once, as its parent may have been killed with ``kill -9``.
"""

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.synchronize import Event
from typing import Protocol, Self, cast

from bus import logs
from bus.connections import read_database, write_database
from bus.log import Log
from bus.settings import Settings
from read_side.catch_up import End, Surroundings
from read_side.checkpoints import Checkpoints
from read_side.errors import RebuildStoppedError
from read_side.holes import Holes
from read_side.parking import Parking
from read_side.projections import by_name
from read_side.projections.model import ReadModel
from read_side.projector import Projector
from read_side.registry import Registry

LARGEST_BATCH = 8_000
"""Commits; some 60 MB in each process, if they are as large as most orders."""
TICK_S = 0.2
HELD_S = 0.1
WATCH_S = 0.5
STALLED_S = 60.0
"""A partition whose lease somebody else keeps for so long is not about to become free."""


class Fill(Protocol):
    """Brings a generation up to the head of every partition."""

    def __call__(self, model: ReadModel, generation: int, tick: Callable[[], None]) -> None:
        """Return when every partition was drained once; ``tick`` is called often and may raise."""


def builder() -> str:
    """What a rebuild's leases say of who holds them."""
    return f"rebuild {socket.gethostname()}:{os.getpid()}"


def fill_partition(around: Surroundings, model: ReadModel, generation: int, partition: int) -> None:
    """Bring one partition up to its head; return early only if the process stops.

    Raises:
        RebuildStoppedError: somebody else holds the partition.

    """
    projector = Projector(around)
    patience = time.monotonic() + STALLED_S
    while not around.stopping.is_set():
        run = projector.run(model, generation, partition)
        match run.end:
            case End.DRAINED:
                return
            case End.HOLE:
                around.stopping.wait(run.wait_s + 0.001)
            case End.HELD:  # by the processes of a rebuild that was killed, until their leases run out
                if time.monotonic() > patience:
                    raise RebuildStoppedError(f"{model.name}.g{generation}/{partition} is held by somebody")
                around.stopping.wait(HELD_S)
            case End.STOPPED:
                return


def surroundings(settings: Settings, stopping: threading.Event, owner: str) -> Surroundings:
    """What a fill works with; its connections are its own."""
    writes, reads = write_database(settings), read_database(settings)
    log = Log(writes, settings.log_partitions)
    return Surroundings(
        log=log,
        registry=Registry(reads),
        checkpoints=Checkpoints(reads, settings.lease_ms),
        parking=Parking(reads),
        holes=Holes(log, settings.hole_grace_ms),
        owner=owner,
        announce=lambda _name, _generation, _partition, _position: None,  # nobody reads from it yet
        stopping=stopping,
        read=partial(log.read, state=False),
        largest_batch=LARGEST_BATCH,
    )


class InProcesses:
    """Fills by a pool of processes, which serves one model after the other."""

    def __init__(self, settings: Settings, processes: int | None = None) -> None:
        self._partitions = settings.log_partitions
        context = multiprocessing.get_context("spawn")  # a fork would copy the driver's threads' locks
        held_back = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._stop = context.Event()  # starts multiprocessing's tracker, which lets all signals through again
        signal.pthread_sigmask(signal.SIG_SETMASK, held_back)
        self._pool = ProcessPoolExecutor(
            min(processes or (os.cpu_count() or 1), self._partitions),
            mp_context=context,
            initializer=_start,
            initargs=(settings, os.getpid(), builder(), self._stop),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, model: ReadModel, generation: int, tick: Callable[[], None]) -> None:
        running = {
            self._pool.submit(_fill, model.name, generation, partition)
            for partition in range(self._partitions)
        }
        try:
            while running:
                done, running = wait(running, TICK_S, FIRST_EXCEPTION)
                for each in done:
                    each.result()
                tick()
        except BrokenProcessPool as error:
            raise RebuildStoppedError(f"a process that filled {model.name}.g{generation} died") from error
        except BaseException:
            self._stop.set()
            raise


_around: Surroundings | None = None  # of a process of the pool, for all that it fills


def _start(settings: Settings, parent: int, owner: str, stop: Event) -> None:
    global _around  # noqa: PLW0603 - a pool hands its tasks nothing but their arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent tells us
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logs.configure(settings.log_level)
    threading.Thread(target=_end_with, args=(parent,), name="watch the parent", daemon=True).start()
    # It has the three methods of a threading.Event that are called.
    _around = surroundings(settings, cast("threading.Event", stop), owner)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)


def _fill(name: str, generation: int, partition: int) -> None:
    if _around is None:
        raise RebuildStoppedError("the process was not started")
    fill_partition(_around, by_name(name), generation, partition)
