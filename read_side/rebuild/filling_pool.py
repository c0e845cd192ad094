"""Fills generations by processes, in parallel over the partitions.

Folding is work in Python, so processes fill the partitions, not threads: threads would take turns.
A process that loses its parent ends at once, as its parent may have been killed with ``kill -9``.

Rebuilds that go on side by side are filled together (``SharedFill``): the log is read once for all
of them.
"""

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from typing import Self, cast

from bus.observability import logs
from bus.settings import Settings
from read_side.errors import RebuildStoppedError
from read_side.projections.model import ReadModel
from read_side.projector.context import ProjectionContext
from read_side.rebuild.filling import TICK_S, Target, builder, fill_together, projection_context

GARBAGE = 500_000
"""The collector looks through new objects after so many, more than there are at a time."""
WATCH_S = 0.5

Filling = frozenset[Future[None]]
"""The fills under way: one for each partition."""


class FillingPool:
    """A pool of processes that fills the generations it is given; safe for threads."""

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
        self.finish(self.start([(model.name, generation)]), tick)

    def start(self, targets: Sequence[Target]) -> Filling:
        """Begin to fill generations side by side; if the pool is broken, ``finish`` raises."""
        try:
            return frozenset(
                self._pool.submit(_fill, targets, partition) for partition in range(self._partitions)
            )
        except BrokenProcessPool as error:
            broken: Future[None] = Future()
            broken.set_exception(error)
            return frozenset({broken})

    def finish(self, filling: Filling, tick: Callable[[], None]) -> None:
        """Wait until all partitions are filled. An error in one model or waiting rebuild stops all.

        Raises:
            RebuildStoppedError: the filling was stopped, or a process of the pool has died.

        """
        running: set[Future[None]] = set(filling)
        try:
            while running:
                done, running = wait(running, TICK_S, FIRST_EXCEPTION)
                for each in done:
                    each.result()
                tick()
        except BrokenProcessPool as error:
            raise RebuildStoppedError("a process that fills has died") from error
        except BaseException:
            self._stop.set()
            raise
        if self._stop.is_set():
            raise RebuildStoppedError("the filling was stopped, since that of another read model was")


class SharedFill:
    """The ``Fill`` of several rebuilds, each in its own thread; their first fills are one.

    That common fill begins when every rebuild has come or left. Each of them comes or leaves in
    bounded time, since whatever it does before is bounded; and it ticks while it waits. After that,
    each rebuild fills by itself what is left.
    """

    def __init__(self, pool: FillingPool, names: Iterable[str]) -> None:
        self._pool = pool
        self._changed = threading.Condition()
        self._awaited = set(names)
        self._targets: dict[str, int] = {}
        self._filling: Filling | None = None

    def __call__(self, model: ReadModel, generation: int, tick: Callable[[], None]) -> None:
        with self._changed:
            comes = model.name in self._awaited
            if comes:
                self._targets[model.name] = generation
                self._await_no_longer(model.name)
        if not comes:
            self._pool(model, generation, tick)
            return
        while (filling := self._begun()) is None:
            tick()
        self._pool.finish(filling, tick)

    def leave(self, name: str) -> None:
        """Note that a rebuild is over, however it ended; no effect if its fill has begun."""
        with self._changed:
            self._targets.pop(name, None)
            self._await_no_longer(name)

    def _begun(self) -> Filling | None:
        with self._changed:
            if self._filling is None:
                self._changed.wait(TICK_S)
            return self._filling

    def _await_no_longer(self, name: str) -> None:
        self._awaited.discard(name)
        if not self._awaited and self._targets and self._filling is None:
            self._filling = self._pool.start(list(self._targets.items()))
            self._changed.notify_all()


_context: ProjectionContext | None = None  # of a process of the pool, for all that it fills


def _start(settings: Settings, parent: int, owner: str, stop: Event) -> None:
    global _context  # noqa: PLW0603 - a pool hands its tasks nothing but their arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent tells us
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logs.configure(settings.log_level, settings.log_format)
    # What a batch is made of has no cycles and is freed without the collector, which would look
    # through all of it again and again: a sixth of the time.
    gc.freeze()
    gc.set_threshold(GARBAGE)
    threading.Thread(target=_end_with, args=(parent,), name="watch the parent", daemon=True).start()
    # It has the three methods of a threading.Event that are called.
    _context = projection_context(settings, cast("threading.Event", stop), owner)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)


def _fill(targets: Sequence[Target], partition: int) -> None:
    if _context is None:
        raise RebuildStoppedError("the process was not started")
    fill_together(_context, targets, partition)
