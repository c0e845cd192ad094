"""The benchmark: every measurement, in a table of its own, and one run of them.

A measurement that fails takes its own figures with it and no others. One that another revision cannot do is
no failure.
"""

import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from tests.benchmarks.builds import RevisionError
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Failure, Figure, Missing
from tests.benchmarks.measurements import (
    against,
    analytics,
    backlog,
    end_to_end,
    hot_stream,
    http_requests,
    idleness,
    inbox,
    listing,
    memory,
    rebuild,
    rename,
    scaling,
    upcasting,
    visibility,
)
from tests.benchmarks.report import Result
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
    Measurement("analytics", analytics.NAMES, analytics.measure),
    Measurement("rebuild", rebuild.NAMES, rebuild.measure),
    Measurement("idle", idleness.NAMES, idleness.measure),
    Measurement("memory", memory.NAMES, memory.measure),
    Measurement("backlog", backlog.NAMES, backlog.measure),
    Measurement("inbox", inbox.NAMES, inbox.measure),
    Measurement("scaling", scaling.NAMES, scaling.measure),
    Measurement("hot_stream", hot_stream.NAMES, hot_stream.measure),
    Measurement("rename", rename.NAMES, rename.measure),
    Measurement("upcasting", upcasting.NAMES, upcasting.measure),
)
AGAINST = (
    Measurement("against_e2e", against.END_TO_END, against.end_to_end),
    Measurement("against_visibility", against.VISIBILITY, against.visibility),
    Measurement("against_http", against.HTTP, against.http),
    Measurement("against_rebuild", against.REBUILD, against.rebuild),
    Measurement("against_redis", against.REDIS, against.redis_waiting),
    # The last, since a stream that is too hot for the other revision keeps it busy for long.
    Measurement("against_hot_stream", against.HOT_STREAM, against.hot_stream),
)
"""What another revision is measured in, turn by turn with this one."""


def run(
    cast: Cast, size: Size, measurements: Collection[Measurement], starting: Callable[[str], None]
) -> Iterator[Result]:
    """Every figure, in the order of the table; ``starting`` is told each measurement's name."""
    for measurement in measurements:
        starting(measurement.name)
        try:
            figures = measurement(cast, size)
        except RevisionError as error:
            yield from (Missing(name, str(error)) for name in measurement.figures)
        except Exception:  # noqa: BLE001 - whatever it was, the other figures are wanted
            why = traceback.format_exc()
            yield from (Failure(name, why) for name in measurement.figures)
        else:
            yield from figures
