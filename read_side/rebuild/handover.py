"""Hands a filled generation over to the workers, and verifies that they have it.

A worker learns of a generation within ``REFRESH_S``. Until then, a doorbell that it answers leaves
that generation out. So the handover concludes nothing for ``LEARNED_S``. Then it rings the bells
and reads the checkpoint of each partition. Somebody must have taken the checkpoint up (its epoch,
its position or the end of its lease has changed). The checkpoint must also have passed the heads of
the log, and must have reached the position that the generation in service had a moment before. The
handover sees all of this in the checkpoints. It does not assume it because a process is alive or of
the right version.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime

import redis

from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.observability.logs import logger
from read_side.errors import RebuildStoppedError
from read_side.generations.registry import REFRESH_S
from read_side.projections.model import ReadModel
from read_side.projector.checkpoints import Checkpoints

LEARNED_S = 2 * REFRESH_S
"""The seconds after which every process knows of a generation."""
RING_EVERY_S = 0.5
POLL_S = 0.05
FOLLOWED_S = 30.0
"""The seconds without a move after which a generation counts as projected by nobody."""
CAUGHT_UP_S = 10.0

Tick = Callable[[], None]


class Handover:
    """Reads how far the generations of one read model are, and waits for the workers."""

    def __init__(
        self,
        model: ReadModel,
        *,
        log: Log,
        checkpoints: Checkpoints,
        doorbells: Doorbells,
        stopping: threading.Event,
    ) -> None:
        self._model = model
        self._log = log
        self._checkpoints = checkpoints
        self._doorbells = doorbells
        self._stopping = stopping
        self._rung_at = float("-inf")

    @property
    def partitions(self) -> range:
        return range(self._log.partitions)

    def heads(self) -> list[int]:
        return self._log.heads()

    def heads_now(self) -> list[int]:
        """Return the heads, none older than what was acknowledged before the call."""
        with self._log.now() as now:
            return now.heads()

    def positions(self, number: int) -> list[int]:
        return [position for _, position, _ in self._marks(number)]

    def is_behind(self, number: int, positions: Iterable[int]) -> bool:
        return any(at < wanted for at, wanted in zip(self.positions(number), positions, strict=True))

    def have_caught_up(self, numbers: Iterable[int], tick: Tick) -> bool:
        """Wait until generations have passed the heads as they are now.

        Return True once they have, and False if they have not within ``CAUGHT_UP_S``.
        """
        heads = self.heads_now()
        deadline = time.monotonic() + CAUGHT_UP_S
        while any(self.is_behind(number, heads) for number in numbers):
            if time.monotonic() > deadline:
                return False
            self._ring_and_wait(tick)
        return True

    def until_followed(self, number: int, live: int, ready_at: float, tick: Tick) -> None:
        """Return once the workers project a generation and it is where the live one is.

        ``ready_at`` is the time at which it was made known, by the monotonic clock.

        Raises:
            RebuildStoppedError: no worker projects it.

        """
        while time.monotonic() < ready_at + LEARNED_S:
            tick()
            self._stopping.wait(POLL_S)
        first = self._marks(number)
        seen: object = None
        heads, moved_at = self.heads_now(), time.monotonic()
        while True:
            tick()
            in_service = self.positions(live)
            now = self._marks(number)
            taken_up = [mark != before for mark, before in zip(now, first, strict=True)]
            moved = taken_up, [position for _, position, _ in now]  # not the epochs: a run may fail each time
            if moved != seen:
                seen, moved_at = moved, time.monotonic()
            if all(taken_up) and not self.is_behind(number, heads) and not self.is_behind(number, in_service):
                return
            if time.monotonic() - moved_at > FOLLOWED_S:
                name = self._model.name
                raise RebuildStoppedError(
                    f"no worker projects {name}.g{number}, which is filled: is a projections' worker with"
                    f" version {self._model.version} of {name} running? The live generation is as it was."
                    f" Run rebuild again to go on, or drop {name}.g{number}"
                )
            self._ring_and_wait(tick)

    def ring(self) -> None:
        """Ring for every partition; if Redis is away, the workers' watchdog does it too."""
        try:
            bells = [(self._model.name, partition) for partition in self.partitions]
            self._doorbells.ring(bells, insist=True)
        except redis.RedisError as error:
            logger.warning("nobody was rung for", read_model=self._model.name, error=error)
        self._rung_at = time.monotonic()

    def _ring_and_wait(self, tick: Tick) -> None:
        tick()
        if time.monotonic() - self._rung_at > RING_EVERY_S:
            self.ring()
        self._stopping.wait(POLL_S)

    def _marks(self, number: int) -> list[tuple[int, int, datetime | None]]:
        """Return the epoch, the position and the end of the lease for each partition."""
        found = self._checkpoints.found({"name": self._model.name, "generation": number})
        marks = {one.partition: (one.epoch, one.position, one.expires_at) for one in found}
        return [marks.get(partition, (0, 0, None)) for partition in self.partitions]
