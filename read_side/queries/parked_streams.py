"""The parked streams with which answers are marked: read now and then, not for every answer.

So a mark can come, and go, ``REFRESH_S`` late. For so long an answer may look as if its read model
were only behind. A caller that must be shown at least what it knows of asks with a token. Then what
is parked is read anew.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from bus.primitives.cached import CachedValue, StampedePolicy
from read_side.parked.parking import Parked, Parking
from read_side.projections.staleness import ParkedSince

REFRESH_S = 1.0
SPARING = 20
"""The least age, in durations of a read: thousands of parked streams are read less often."""

_NOTHING: ParkedSince = {}


class ParkedLookup:
    """The parked streams of all read models, as one process knows them."""

    def __init__(self, parking: Parking) -> None:
        self._parked = CachedValue(
            lambda: _by_generation(parking.every()), REFRESH_S, StampedePolicy.TAKE_OLD, sparing=SPARING
        )

    def of(self, name: str, generation: int) -> ParkedSince:
        """Return the parked streams of one generation, and since when they are parked."""
        return self._parked().get((name, generation), _NOTHING)


def since(parked: Iterable[Parked]) -> ParkedSince:
    """Return the streams, and since when they are parked."""
    return {one.stream: one.since for one in parked}


def _by_generation(parked: Iterable[Parked]) -> Mapping[tuple[str, int], ParkedSince]:
    found: dict[tuple[str, int], dict[str, datetime]] = {}
    for one in parked:
        found.setdefault((one.name, one.generation), {})[one.stream] = one.since
    return found
