"""Versions of one stream with the moments from which, or until which, they count."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Moments:
    """Of pairs ``(moment, version)``, in any order."""

    def __init__(self, pairs: Iterable[tuple[float, int]]) -> None:
        ordered = sorted(pairs)
        self._moments = [moment for moment, _ in ordered]
        versions = [version for _, version in ordered]
        self._highest = list(accumulate(versions, max))
        self._lowest = list(accumulate(reversed(versions), min))[::-1]

    def highest_before(self, moment: float) -> int:
        """The highest version of an earlier moment; 0 if there is none."""
        place = bisect_left(self._moments, moment)
        return self._highest[place - 1] if place else 0

    def lowest_after(self, moment: float) -> int | None:
        """The lowest version of a later moment."""
        place = bisect_right(self._moments, moment)
        return self._lowest[place] if place < len(self._moments) else None
