"""The benchmark: every measurement, in a table of its own, and one run of them.

A measurement that fails takes its own figures with it and no others.
"""

import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Failure, Figure
from tests.benchmarks.measurements import (
    backlog,
    end_to_end,
    http_requests,
    idleness,
    listing,
    memory,
    rebuild,
    scaling,
    visibility,
)
from tests.benchmarks.sizes import Size


@dataclass(frozen=True, slots=True)
class Measurement:
    """What gives some figures."""

    name: str
    figures: tuple[str, ...]
    measure: Callable[[Cast, Size], list[Figure]]

    def __call__(self, cast: Cast, size: Size) -> list[Figure]:
        """Measure; raises ``LookupError`` if it does not give the figures that it should."""
        figures = self.measure(cast, size)
        if tuple(figure.name for figure in figures) != self.figures:
            raise LookupError(f"{self.name} gave {[figure.name for figure in figures]}")
        return figures


MEASUREMENTS = (
    Measurement("end_to_end", end_to_end.NAMES, end_to_end.measure),
    Measurement("http", http_requests.NAMES, http_requests.measure),
    Measurement("visibility", visibility.NAMES, visibility.measure),
    Measurement("listing", listing.NAMES, listing.measure),
    Measurement("rebuild", rebuild.NAMES, rebuild.measure),
    Measurement("idle", idleness.NAMES, idleness.measure),
    Measurement("memory", memory.NAMES, memory.measure),
    Measurement("backlog", backlog.NAMES, backlog.measure),
    Measurement("scaling", scaling.NAMES, scaling.measure),
)


def run(
    cast: Cast, size: Size, measurements: Collection[Measurement], starting: Callable[[str], None]
) -> Iterator[Figure | Failure]:
    """Every figure, in the order of the table; ``starting`` is told each measurement's name."""
    for measurement in measurements:
        starting(measurement.name)
        try:
            figures = measurement(cast, size)
        except Exception:  # noqa: BLE001 - whatever it was, the other figures are wanted
            why = traceback.format_exc()
            yield from (Failure(name, why) for name in measurement.figures)
        else:
            yield from figures
