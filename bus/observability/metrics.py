"""The counts and durations of one process. Counting is in memory and costs about a microsecond.

All families are listed here, and nowhere else: code that counts names one, and ``/metrics`` shows
all. Numbers that the databases know (queue depths, lag) are not counted: the API looks them up when
it is asked for them.

The counts of all processes are added up (``bus.observability.metric_slots``), so everything here is
a sum: a counter, or a histogram kept as one counter for each bucket and one for the sum of what was
observed.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Labels = tuple[str, ...]
Key = tuple[str, Labels]
"""A family's name and the values of its labels."""
Counts = dict[Key, list[int]]
"""A counter has one number. A histogram has one for each bucket, one for what is beyond the
buckets, and the sum of what was observed, in millionths. All are whole numbers, since the
rounding of others could make a sum go down."""
MILLION = 1_000_000

Item = TypeVar("Item")
Result = TypeVar("Result")

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its labels: a histogram if it has buckets, else a counter.

    Buckets are upper bounds, inclusive.
    """

    name: str
    help: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """The length of the list of numbers that is kept for it."""
        return len(self.buckets) + 2 if self.buckets else 1


COMMANDS_ACCEPTED = Family("twofold_commands_accepted_total", "Commands kept in the inbox.", ("type",))
COMMANDS = Family("twofold_commands_total", "Commands that came to their outcome.", ("type", "outcome"))
COMMANDS_LEFT = Family(
    "twofold_commands_left_to_sweep_total",
    "Tries to handle a command that raised, so that it is tried again.",
)
HANDLED = Family(
    "twofold_command_handled_seconds", "From a command's acceptance to its outcome.", ("type",), SECONDS
)
VISIBLE = Family(
    "twofold_command_visible_seconds",
    "From a command's acceptance to its being shown by a read model.",
    ("read_model",),
    SECONDS,
)
PROJECTED = Family(
    "twofold_projection_batch_commits", "Commits taken into a read model together.", ("read_model",), SIZES
)
GROUPED = Family(
    "twofold_group_commit_batch_items", "Items that went over the wire together.", ("step",), SIZES
)
RESCUES = Family(
    "twofold_rescues_total", "Work that got lost on its way and was found by a sweep or a lookout.", ("by",)
)
HOLES_CLOSED = Family("twofold_holes_closed_total", "Positions of the log closed with a tombstone.")
LEASES_LOST = Family("twofold_leases_lost_total", "Runs given up because another took over.", ("read_model",))
HTTP_REQUESTS = Family(
    "twofold_http_requests_total", "Requests answered by the application.", ("method", "route", "status")
)
HTTP_SECONDS = Family(
    "twofold_http_request_duration_seconds", "Time spent in the application.", ("method", "route"), SECONDS
)
HTTP_REFUSED = Family(
    "twofold_http_refused_total", "Requests refused before they reached the application.", ("status",)
)
HTTP_CLOSED = Family(
    "twofold_http_connections_closed_total",
    "Connections closed because they were silent, unread or too many.",
    ("why",),
)

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        *(COMMANDS_ACCEPTED, COMMANDS, COMMANDS_LEFT, HANDLED, VISIBLE, PROJECTED, GROUPED, RESCUES),
        *(HOLES_CLOSED, LEASES_LOST, HTTP_REQUESTS, HTTP_SECONDS, HTTP_REFUSED, HTTP_CLOSED),
    )
}


class Metrics:
    """The counts of one process since it started; any thread may count."""

    def __init__(self) -> None:
        self._counts: Counts = {}
        self._lock = threading.Lock()

    def count(self, family: Family, *labels: str, by: int = 1) -> None:
        key = (family.name, labels)
        with self._lock:
            counts = self._counts.get(key)
            if counts is None:
                self._counts[key] = [by]
            else:
                counts[0] += by

    def observe(self, family: Family, value: float, *labels: str) -> None:
        self.observe_all(family, (value,), *labels)

    def observe_all(self, family: Family, values: Iterable[float], *labels: str) -> None:
        """Observe several values at once; one below 0, from clocks that differ, counts as 0."""
        key = (family.name, labels)
        buckets = family.buckets
        with self._lock:
            counts = self._counts.get(key)
            if counts is None:
                counts = self._counts[key] = [0] * family.width
            for value in values:
                counts[bisect_left(buckets, value)] += 1
                if value > 0:
                    counts[-1] += int(value * MILLION)

    def batches(
        self, step: str, work: Callable[[list[Item]], Sequence[Result]]
    ) -> Callable[[list[Item]], Sequence[Result]]:
        """Return the ``work`` of a group commit so that the sizes of its batches are observed."""

        def observed(items: list[Item]) -> Sequence[Result]:
            self.observe(GROUPED, len(items), step)
            return work(items)

        return observed

    def snapshot(self) -> Counts:
        """Return a copy of all counts at one moment."""
        with self._lock:
            return {key: list(counts) for key, counts in self._counts.items()}


def added(*summands: Counts) -> Counts:
    """Return the sum; what this build does not know, or knows in another shape, is left out."""
    total: Counts = {}
    for counts in summands:
        for key, numbers in counts.items():
            family = FAMILIES.get(key[0])
            if family is None or len(numbers) != family.width or len(key[1]) != len(family.labels):
                continue
            sums = total.get(key)
            total[key] = (
                list(numbers) if sums is None else [a + b for a, b in zip(sums, numbers, strict=True)]
            )
    return total


def negated(counts: Counts) -> Counts:
    return {key: [-number for number in numbers] for key, numbers in counts.items()}
