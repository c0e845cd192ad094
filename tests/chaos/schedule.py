"""Which fault comes when: drawn from the seed alone, so that a round can be had again."""

from collections.abc import Collection, Sequence
from random import Random
from typing import NamedTuple

LONG_S = 17.0
"""What a long fault takes, and some more."""


class Due(NamedTuple):
    at: float
    """Seconds from the start of the round."""
    kind: str


def schedule(
    rng: Random, seconds: float, every: float, kinds: Sequence[str], long: Collection[str]
) -> list[Due]:
    """One fault in each stretch of ``every`` seconds, at any moment of it.

    The kinds are dealt like shuffled decks of cards, so that none is forgotten; a long one that would outlast
    the round changes places with a short one before it.
    """
    times = [every * (n + rng.random()) for n in range(int(seconds / every))]
    dealt: list[str] = []
    while len(dealt) < len(times):
        dealt += rng.sample(kinds, len(kinds))
    del dealt[len(times) :]
    early = [place for place, at in enumerate(times) if at <= seconds - LONG_S]
    for late in range(len(early), len(times)):
        earlier = [place for place in early if dealt[place] not in long]
        if dealt[late] in long and earlier:
            place = rng.choice(earlier)
            dealt[late], dealt[place] = dealt[place], dealt[late]
    return [Due(at, kind) for at, kind in zip(times, dealt, strict=True)]
