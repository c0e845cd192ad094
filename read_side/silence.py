"""Keeping the bell silent while somebody is going to look anyway.

Under load a run never ends for long: it takes in what there is, lingers, and looks again. Bells rung
meanwhile would only find the lease held. So a run that lingers sets the bell's mark itself, which says to
whoever appends: somebody will look after now. Before it may believe that there is nothing more it clears
the mark and looks once more. Where a bell waits, its mark is there already, and stays until it is answered.

Why nothing is missed: who finds the mark set has appended before the mark was cleared, and the last look
comes after that, or the bell that waits is answered after that; who comes later rings. A run that dies with
the mark set is as one that died with a bell in hand: the mark runs out, and the lookout compares heads. The
mark belongs to a read model and not to one of its generations, so it is only kept while there is one
generation. That is asked each time, as under load a run goes on for longer than a rebuild takes: once there
is another, bells are heard again, and whoever answers the next one runs for the other. A process may learn up
to a second late of it; no rebuild relies on it sooner (``read_side.rebuilding.handover``).
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import redis

from bus.doorbells import MARK_TTL_MS, Doorbells

_RENEW_S = MARK_TTL_MS / 2_000


class Silence(Protocol):
    """One run's say over its bell."""

    def keep(self) -> None:
        """Nobody needs to ring: this run is going to look again."""

    def end(self) -> bool:
        """Let others ring again; whether they were kept from it, so that one has to look once more."""


class NoSilence:
    """Everybody rings."""

    def keep(self) -> None:
        pass

    def end(self) -> bool:
        return False


class MarkSilence:
    """Silence by the bell's mark. Without Redis nobody rings either: then it is the lookout's."""

    def __init__(
        self, doorbells: Doorbells, name: str, partition: int, *, is_alone: Callable[[], bool]
    ) -> None:
        self._is_alone = is_alone
        self._doorbells = doorbells
        self._name = name
        self._partition = partition
        self._kept_at: float | None = None

    def keep(self) -> None:
        if not self._is_alone():
            self.end()  # the run goes on, and so looks once more
        elif self._kept_at is None or time.monotonic() - self._kept_at > _RENEW_S:
            self._kept_at = time.monotonic()
            self._tell(self._doorbells.silence)

    def end(self) -> bool:
        kept, self._kept_at = self._kept_at is not None, None
        if kept:
            self._tell(self._doorbells.end_silence)
        return kept

    def _tell(self, what: Callable[[str, int], None]) -> None:
        with suppress(redis.RedisError):
            what(self._name, self._partition)
