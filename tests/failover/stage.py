"""What the faults of a round act on: one at a time, each on servers that are well, and each written down."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.chaos.scene import Scene
from tests.failover.cluster import Cluster


@dataclass(slots=True)
class Strike:
    """A fault that had its effect, on the monotonic clock; ``ended`` when nothing was kept back any more.

    A kill has ended as soon as it has happened, however long the server then stays away: what others do about
    that is what is measured.
    """

    kind: str
    began: float
    ended: float | None = None


class Stage(Scene):
    """``tell`` is given the kind of each fault when it has ended."""

    def __init__(self, cluster: Cluster, rng: Random, tell: Callable[[str], None]) -> None:
        super().__init__(cluster, rng, lambda _: None)
        self.product = cluster
        self.mongo = cluster.mongo
        self.strikes: list[Strike] = []
        self._over = tell

    def strike(self, kind: str) -> Strike:
        """A fault has its effect now."""
        strike = Strike(kind, time.monotonic())
        self.strikes.append(strike)
        self.note(kind, hit=True)
        return strike

    def over(self, strike: Strike) -> None:
        """It has ended, if it had not before."""
        if strike.ended is None:
            strike.ended = time.monotonic()
            self._over(strike.kind)
