"""Rounds: each contestant in turn, again and again, rather than each one's rounds in a row.

So a machine that is slower for a minute is slower for all, and the ratio within a round says something.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=str)
Result = TypeVar("Result")


def interleaved(
    rounds: int, contestants: Mapping[Name, Callable[[], Result]]
) -> dict[Name, tuple[Result, ...]]:
    """What each contestant returned in each round. Every other round goes backwards: none is always first."""
    results: dict[Name, list[Result]] = {name: [] for name in contestants}
    for number in range(rounds):
        turns = list(contestants.items())
        for name, measure in turns if number % 2 == 0 else reversed(turns):
            results[name].append(measure())
    return {name: tuple(measured) for name, measured in results.items()}
