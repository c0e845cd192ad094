"""Percentiles of the last minute: from the counts of all processes now, less those of a minute ago.

An API process remembers the counts of earlier requests. So it has no percentiles until it has been
asked twice within the minute, and it costs nothing while no dashboard is open.
"""

import time
from collections import deque
from collections.abc import Sequence

from api.ops.quantiles import quantile
from api.ops.shapes import Percentiles
from bus.observability.metrics import Counts, Family, Key

WINDOW_S = 60.0

_Numbers = Sequence[int]


class Recent:
    """The last minute of some histograms; only one thread at a time may use it."""

    def __init__(self, families: Sequence[Family], window_s: float = WINDOW_S) -> None:
        self._families = {family.name: family for family in families}
        self._window_s = window_s
        self._seen: deque[tuple[float, Counts]] = deque()

    def see(self, total: Counts, at: float | None = None) -> None:
        """Remember the counts of now, or of the moment ``at``, a monotonic time in seconds."""
        now = time.monotonic() if at is None else at
        while self._seen and now - self._seen[0][0] > self._window_s:
            self._seen.popleft()
        self._seen.append((now, {key: list(n) for key, n in total.items() if key[0] in self._families}))

    def percentiles(self, family: Family, *labels: str) -> Percentiles | None:
        """Return those of the last minute with these first labels; ``None`` if there are none."""
        if not self._seen:
            return None
        first, last = self._seen[0][1], self._seen[-1][1]
        observed = [0] * (len(family.buckets) + 1)
        for key in last:
            if key[0] == family.name and key[1][: len(labels)] == labels:
                observed = [a + b for a, b in zip(observed, _between(first, last, key), strict=False)]
        p50, p99 = (quantile(q, family.buckets, observed) for q in (0.5, 0.99))
        return None if p50 is None or p99 is None else {"p50": p50, "p99": p99}


def _between(first: Counts, last: Counts, key: Key) -> _Numbers:
    """Return the increase of each bucket; never below 0, also if a series begins anew."""
    before = first.get(key) or [0] * len(last[key])
    return [max(0, now - then) for now, then in zip(last[key], before, strict=True)]
