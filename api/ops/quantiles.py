"""Quantiles from a histogram's buckets: linear within the bucket, as Prometheus has them."""

from collections.abc import Sequence
from itertools import accumulate


def quantile(q: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """Below which value the share ``q`` (0 to 1) of what was observed lies; ``None`` if nothing was.

    ``counts`` has one number for each bucket, and one for what is beyond the last bound: of that no more is
    known than that it is beyond, so the answer is the last bound then.
    """
    wanted = q * sum(counts)
    if not wanted:
        return None
    lower = 0.0
    below = 0
    for bound, count, until in zip(bounds, counts, accumulate(counts), strict=False):
        if until >= wanted:
            return lower + (bound - lower) * (wanted - below) / count
        lower, below = bound, until
    return bounds[-1]
