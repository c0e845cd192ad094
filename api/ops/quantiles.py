"""Quantiles from a histogram's buckets: linear within the bucket, as Prometheus has them."""

from collections.abc import Sequence
from itertools import accumulate


def quantile(q: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """Return the value below which the share ``q`` (0 to 1) of the observations lies.

    It is ``None`` if nothing was observed. ``counts`` has one number for each bucket, and one for
    the observations beyond the last bound. Nothing more is known of those; so if the value lies
    there, the answer is the last bound.
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
