"""The shapes of the answers to operators who mend something."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from bus.dead_letters.failures import Failure
from read_side.parked.retried import Retried
from read_side.rebuild.rebuild_status import RebuildStatus


class DeadList(TypedDict):
    """Failures, the newest first; ``more`` says whether there are more than these."""

    dead: Sequence[Failure]
    more: bool


class DeadInFull(TypedDict):
    """All that is known under an id: the command, and each letter that carried it.

    Personal data is included.
    """

    id: str
    documents: Sequence[Mapping[str, Any]]


class Resolved(TypedDict):
    """The result of a retry or a discard, in words."""

    result: str


Remedy = Literal["retry", "rebuild", "none"]


class ParkedRow(TypedDict):
    """A stream that a generation has parked from position ``seq`` on; ``waiting`` commits follow.

    ``remedy`` is what helps once the cause is mended: a read model that counts many streams into
    one document is rebuilt, and a generation that is being built or retires needs nothing.
    """

    read_model: str
    generation: int
    partition: int
    stream: str
    seq: int
    since: datetime
    error: str
    waiting: int
    remedy: Remedy


class ParkedList(TypedDict):
    """Parked streams by read model, generation, partition and position.

    ``more`` says whether there are more than these.
    """

    parked: Sequence[ParkedRow]
    more: bool


class RetriedList(TypedDict):
    """One result for each generation that has parked the stream."""

    results: Sequence[Retried]


class RebuildList(TypedDict):
    """The latest rebuild of each read model; a model that was never rebuilt is not there."""

    rebuilds: Sequence[RebuildStatus]
