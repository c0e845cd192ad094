"""The watchdog: compares the heads of the log with the checkpoints, and rings where nobody rang.

In normal running it finds nothing: it covers words and doorbells lost with Redis or with a killed
process. It counts and logs what it had to ring for. It pokes the runners of its own process as
well, which needs no Redis.

It also runs the periodic tasks of a worker.
"""

import threading
from collections.abc import Callable, Sequence

from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.observability.interruption import Interruption
from bus.observability.logs import logger
from bus.observability.metrics import RESCUES, Metrics
from read_side.projector.checkpoints import Checkpoints

LOOK_EVERY_S = 2.0
STOP_S = 0.5
PATIENCE = 3
"""Looks in a row without progress before it rings: longer than a gap's default grace period."""

Projected = Callable[[], set[tuple[str, int]]]
"""The read models and their generations that this process projects at the moment."""


class Watchdog:
    """A thread of the projections' worker."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it looks at, and whom it tells
        self,
        log: Log,
        checkpoints: Checkpoints,
        doorbells: Doorbells,
        projected: Projected,
        poke: Callable[[int], None],
        periodic_tasks: Sequence[Callable[[], None]] = (),
        metrics: Metrics | None = None,
    ) -> None:
        self._log = log
        self._checkpoints = checkpoints
        self._doorbells = doorbells
        self._projected = projected
        self._poke = poke
        self._periodic_tasks = periodic_tasks
        self._metrics = metrics or Metrics()  # else nobody is told
        self._stuck: dict[tuple[str, int, int], tuple[int, int]] = {}
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch, name="lookout", daemon=True)
        self.rescued = 0

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.thread.join(STOP_S)

    def look(self) -> int:
        """Ring for what is behind without progress for ``PATIENCE`` looks; return how many."""
        projected = self._projected()
        behind = self._behind(projected)
        previous, self._stuck = self._stuck, {}
        overdue = set()
        for key, position in behind.items():
            position_before, looks = previous.get(key, (position, 0))
            looks = looks + 1 if position_before == position else 1
            if looks > PATIENCE:
                overdue.add((key[0], key[2]))
                looks = 0
            self._stuck[key] = (position, looks)
        if overdue:
            self.rescued += len(overdue)
            self._metrics.count(RESCUES, "lookout", by=len(overdue))
            logger.warning("rang for stranded work", bells=sorted(overdue))
            for partition in {partition for _, partition in overdue}:
                self._poke(partition)
            self._doorbells.ring(overdue)
        return len(overdue)

    def _behind(self, projected: set[tuple[str, int]]) -> dict[tuple[str, int, int], int]:
        heads = self._log.heads()
        positions = self._checkpoints.positions()
        return {
            key: position
            for key, position in positions.items()
            if key[:2] in projected and position < heads[key[2]]
        }

    def _watch(self) -> None:
        waiting = Interruption("the lookout waits for its servers")
        while not self._stopping.wait(LOOK_EVERY_S):
            with waiting:
                self.look()
                for task in self._periodic_tasks:
                    task()
