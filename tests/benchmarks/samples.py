"""What was measured several times: its median, its spread, its percentiles. Pure."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


def short(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Samples:
    """One value for each round, in the order of the rounds; at least one."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("nothing was measured")

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        return cls(tuple(values))

    def __str__(self) -> str:
        return short(self.median)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def spread(self) -> float:
        """From the lowest to the highest, as a part of the median: 0.1 is a tenth."""
        return (self.high - self.low) / self.median if self.median else 0.0

    def percentile(self, percent: float) -> float:
        """The nearest rank: a value that was measured, below which are ``percent`` of all."""
        ordered = sorted(self.values)
        rank = -(-percent * len(ordered) // 100)  # rounded up
        return ordered[max(0, int(rank) - 1)]

    def over(self, others: Self) -> Self:
        """The ratio in each round.

        What was measured in one round was measured within seconds, so what the machine did meanwhile is in
        both and cancels out.
        """
        return type(self)(tuple(a / b for a, b in zip(self.values, others.values, strict=True)))
