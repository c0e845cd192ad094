"""What a kind of fault costs: the time without a served write, and the time until all is shown again."""

import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.failover.stage import Strike


@dataclass(frozen=True, slots=True)
class Cost:
    """In seconds, one entry for each fault of the kind.

    ``unserved`` is the longest time in which no client got an answer that a command is kept. ``shown`` is
    the time from the end of the fault until all that had been accepted by then was decided and in every
    read model.
    """

    unserved: Sequence[float]
    shown: Sequence[float]

    def document(self) -> dict[str, float | int | None]:
        return {
            "count": len(self.unserved),
            "unserved_median_s": _median(self.unserved),
            "unserved_max_s": _highest(self.unserved),
            "shown_median_s": _median(self.shown),
            "shown_max_s": _highest(self.shown),
        }


def costs(
    strikes: Sequence[Strike], served: Iterable[float], until: float, shown: Mapping[str, Sequence[float]]
) -> dict[str, Cost]:
    """By kind of fault. ``served`` are the moments at which writes were; the load lasted ``until`` then."""
    moments = sorted(served)
    unserved: defaultdict[str, list[float]] = defaultdict(list)
    ends = [strike.began for strike in strikes[1:]] + [until]
    for strike, end in zip(strikes, ends, strict=True):
        unserved[strike.kind].append(longest_gap(moments, strike.began, end))
    return {kind: Cost(gaps, shown.get(kind, ())) for kind, gaps in sorted(unserved.items())}


def longest_gap(moments: Sequence[float], since: float, until: float) -> float:
    """The longest time between two of ascending ``moments`` within a stretch, its ends included."""
    within = moments[bisect_left(moments, since) : bisect_left(moments, until)]
    return max(later - earlier for earlier, later in pairwise([since, *within, until]))


def _median(seconds: Sequence[float]) -> float | None:
    return round(statistics.median(seconds), 1) if seconds else None


def _highest(seconds: Sequence[float]) -> float | None:
    return round(max(seconds), 1) if seconds else None
