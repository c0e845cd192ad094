"""Pauses after errors: for so long this process does not try a run again that has failed.

Under load a partition is rung for twenty times a second, and a run that fails may take a second
each time: it would keep threads from the others. So after an error the next try comes after a pause
that grows from 0.2 s to 15 s, with jitter. The first success ends it. While MongoDB is away, which
ends by itself, the pause is 2 s at most (``bus.queue.retries``).

Each generation has pauses of its own, so a new one that cannot be folded does not slow the live
one. They are in memory: another process tries by itself, and one that starts tries at once.
"""

import threading
import time
from dataclasses import dataclass
from math import ceil

from bus.queue.retries import pause_ms

Place = tuple[str | int, int]
"""The place of a pause.

That is a generation and a partition of one read model, or a read model and a generation.
"""


@dataclass(frozen=True, slots=True)
class _Pause:
    tries: int
    until: float
    """Seconds of this process's monotonic clock."""


class Pauses:
    """The pauses of one read model, or of one partition. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pauses: dict[Place, _Pause] = {}

    def left_ms(self, place: Place) -> int:
        """Return the milliseconds left of its pause, rounded up; 0 if it may be tried."""
        with self._lock:
            pause = self._pauses.get(place)
        return 0 if pause is None else max(0, ceil((pause.until - time.monotonic()) * 1_000))

    def failed(self, place: Place, error: BaseException) -> None:
        """Begin a pause, longer than the one before it. Tries at the same time count as one."""
        with self._lock:
            before = self._pauses.get(place)
            if before is None or before.until <= time.monotonic():
                tries = 0 if before is None else before.tries
                until = time.monotonic() + pause_ms(tries, error) / 1_000
                self._pauses[place] = _Pause(tries + 1, until)

    def end(self, place: Place) -> None:
        """End the pause after a success: the next one is short."""
        with self._lock:
            self._pauses.pop(place, None)
