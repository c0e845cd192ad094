"""What the runs and runners of one process share; built in the worker's main."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bus.log.log import Log
from bus.log.view import LogSlice
from bus.observability.metrics import Metrics
from read_side.generations.registry import Registry
from read_side.parked.parking import Parking
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.gaps import Gaps
from read_side.projector.telemetry import ProjectionTelemetry

BATCH = 1_000
"""Commits that are read at once: some megabytes in memory, and one round trip for hundreds of documents."""
STRETCH_BYTES = 4 * 2**20
"""Of commits as stored that are read at once; reached by 80 orders of 200 lines. With what else comes in the
same answer of MongoDB they are 20 MB at most."""

Generation = tuple[str, int]
"""A read model's name and the number of its generation."""


class Reached(NamedTuple):
    """How far a generation has got in a partition."""

    generation: Generation
    partition: int
    position: int


@dataclass(frozen=True, slots=True)
class ProjectionContext:
    """What every projector of one process uses: log, registry, checkpoints, parking and callbacks."""

    log: Log
    registry: Registry
    checkpoints: Checkpoints
    parking: Parking
    gaps: Gaps
    owner: str
    announce: Callable[[Sequence[Reached]], None]
    """Told of checkpoints after they have moved; must not raise."""
    stopping: threading.Event
    read: Callable[[int, int, int], LogSlice]
    """Reads a partition of the log after a position, a bounded number of commits: as ``stretches`` does."""
    may_go_on: Callable[[str, int, float], bool] = lambda _name, _generation, _began: True
    """Asked with name, generation and the monotonic time when the run began, between batches."""
    telemetry: ProjectionTelemetry = field(default_factory=lambda: ProjectionTelemetry(Metrics()))
    """By default nobody is told."""


def stretches(log: Log) -> Callable[[int, int, int], LogSlice]:
    """Reads of a log that are bounded in bytes as well."""
    return lambda partition, after, limit: log.read_within(partition, after, limit, STRETCH_BYTES)
