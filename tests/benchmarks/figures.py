"""A figure: what the benchmark says about one thing, and whether that is what was aimed at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.samples import Samples

RATIO = "×"  # noqa: RUF001 - the sign is meant: the unit of a ratio


@dataclass(frozen=True, slots=True)
class Goal:
    """The figure should be at least, or at most, so much."""

    bound: float
    at_least: bool

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


def at_least(bound: float) -> Goal:
    return Goal(bound, at_least=True)


def at_most(bound: float) -> Goal:
    return Goal(bound, at_least=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. ``value`` is the median of the samples unless it is told."""

    name: str
    unit: str
    samples: Samples
    goal: Goal | None = None
    told: float | None = None
    about: str = ""
    """What it is made of, in a line, for the table."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What it is made of, all of it, for the JSON."""

    @property
    def value(self) -> float:
        return self.samples.median if self.told is None else self.told

    @property
    def is_met(self) -> bool | None:
        """``None`` where there is no goal."""
        return None if self.goal is None else self.goal.is_met(self.value)


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that another revision cannot give, and why: it is told, and is no error."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A figure that could not be had, and why."""

    name: str
    why: str
