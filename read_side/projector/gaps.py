"""Gaps in the log, and the rule for closing them.

A position that was claimed and not filled belongs to a writer that is slow or dead. Nobody can tell
which. So the gap is closed once a commit beyond it has been visible for the grace period. A writer
that was only slow finds its position taken and claims another.
"""

import threading
import time
from collections.abc import Sequence

from bus.log.log import Log
from bus.observability.logs import logger
from bus.observability.metrics import HOLES_CLOSED, Metrics


class Gaps:
    """Watches the gaps that one process's runners meet; only this process measures their age."""

    def __init__(self, log: Log, grace_ms: int, metrics: Metrics | None = None) -> None:
        self._log = log
        self._metrics = metrics or Metrics()  # else nobody is told
        self._grace = grace_ms / 1000
        self._seen: dict[tuple[int, int], float] = {}
        self._lock = threading.Lock()

    def wait_or_close(self, partition: int, missing: Sequence[int]) -> float:
        """Close the missing positions that have been missing for the grace period.

        Returns the seconds left to wait for the first one; 0 if its wait is over.
        """
        now = time.monotonic()
        with self._lock:
            self._forget_all_but(partition, missing)
            seen = {seq: self._seen.setdefault((partition, seq), now) for seq in missing}
        if (left := seen[missing[0]] + self._grace - now) > 0:
            return left
        overdue = [seq for seq in missing if seen[seq] + self._grace <= now]
        if closed := self._log.close((partition, seq) for seq in overdue):
            self._metrics.count(HOLES_CLOSED, by=closed)
            logger.warning("closed holes", partition=partition, first=overdue[0], closed=closed)
        return 0.0

    def _forget_all_but(self, partition: int, missing: Sequence[int]) -> None:
        still = set(missing)
        for known in [key for key in self._seen if key[0] == partition and key[1] not in still]:
            del self._seen[known]
