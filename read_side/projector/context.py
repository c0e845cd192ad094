"""The objects that the runs and runners of one process share; built in the worker's main."""

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
"""Commits that are read at once.

They are some megabytes in memory, and one round trip for hundreds of documents.
"""
STRETCH_BYTES = 4 * 2**20
"""Bytes of commits as stored that are read at once; reached by 80 orders of 200 lines.

With what else comes in the same answer of MongoDB they are 20 MB at most.
"""

Generation = tuple[str, int]
"""A read model's name and the number of its generation."""


class Reached(NamedTuple):
    """The position that a generation has reached in a partition."""

    generation: Generation
    partition: int
    position: int


@dataclass(frozen=True, slots=True)
class ProjectionContext:
    """The log, registry, checkpoints, parking and callbacks that one process's projectors use."""

    log: Log
    registry: Registry
    checkpoints: Checkpoints
    parking: Parking
    gaps: Gaps
    owner: str
    announce: Callable[[Sequence[Reached]], None]
    """Called with checkpoints after they have moved; must not raise."""
    stopping: threading.Event
    read: Callable[[int, int, int], LogSlice]
    """Reads a bounded number of a partition's commits after a position, as ``stretches`` does."""
    may_go_on: Callable[[str, int, float], bool] = lambda _name, _generation, _began: True
    """Called between batches with name, generation and the monotonic time when the run began."""
    telemetry: ProjectionTelemetry = field(default_factory=lambda: ProjectionTelemetry(Metrics()))
    """The default tells nobody."""


def stretches(log: Log) -> Callable[[int, int, int], LogSlice]:
    """Return a function that reads a log as ``read`` does, bounded in bytes as well."""
    return lambda partition, after, limit: log.read_within(partition, after, limit, STRETCH_BYTES)
