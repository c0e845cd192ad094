"""Ports that nobody else draws: not the other pytest processes, and not this one a second time.

A port is drawn seconds before the process that is to have it listens there, and a server that is down for a
while comes back to its port. Drawn at random from one range for all, it might be somebody else's by then.
"""

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle

from api.local import ports


class _InTurn(Sequence[int]):
    """Whichever is asked for, it is the next one; none comes again before all others have."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = list(numbers)
        random.shuffle(self._numbers)
        self._turns = cycle(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __getitem__(self, _: object) -> int:  # type: ignore[override]  # nobody asks for a slice
        return next(self._turns)


def draw_own() -> None:
    """From here on this process draws from a part of the range that is its own among those of one pytest."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports.RANGE = _InTurn(ports.RANGE[number::processes])  # type: ignore[assignment]  # it is drawn from
