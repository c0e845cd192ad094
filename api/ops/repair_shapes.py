"""The shapes of what operators are answered who mend something."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict


class Dead(TypedDict):
    """A failed command or a dead letter; ``what`` is a command's type, or a letter's actor."""

    kind: Literal["command", "letter"]
    id: str
    queue: str
    what: str
    reason: str
    since: datetime
    state: Literal["kept", "retried", "discarded"]


class DeadList(TypedDict):
    """The newest first; ``more`` says whether there are more than these."""

    dead: Sequence[Dead]
    more: bool


class DeadInFull(TypedDict):
    """All that is known under an id, personal data included: the command, and each letter that carried it."""

    id: str
    documents: Sequence[Mapping[str, Any]]


class Resolved(TypedDict):
    """What happened, in words."""

    result: str


class ParkedRow(TypedDict):
    """A stream that a generation has parked from position ``seq`` on; ``waiting`` commits come after it."""

    read_model: str
    generation: int
    partition: int
    stream: str
    seq: int
    since: datetime
    error: str
    waiting: int


class ParkedList(TypedDict):
    """By read model, generation, partition and position; ``more`` says whether there are more than these."""

    parked: Sequence[ParkedRow]
    more: bool


class MendedRow(TypedDict):
    """``busy`` means that it is being mended, or will be: whether it is can be seen where it is listed."""

    read_model: str
    generation: int
    partition: int
    stream: str
    result: Literal["mended", "parked", "rebuild", "busy", "refused"]
    detail: str


class MendedList(TypedDict):
    """One for each generation that has it parked."""

    results: Sequence[MendedRow]


class RebuildResult(TypedDict):
    """What came of it: ``parked`` streams, and documents that differ from those of the generation before."""

    commits: int
    seconds: float
    parked: int
    differences: int


class RebuildRow(TypedDict):
    """The latest rebuild of a read model; what is not known is ``null``.

    ``done`` of ``total`` commits are read, ``per_s`` of them a second, which leaves ``left_s`` seconds.
    """

    read_model: str
    state: Literal["requested", "running", "ready", "succeeded", "failed", "stopped"]
    requested_at: datetime | None
    requested_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    generation: int | None
    phase: str | None
    done: int | None
    total: int | None
    per_s: float | None
    left_s: float | None
    result: RebuildResult | None
    error: str | None


class RebuildList(TypedDict):
    """By read model; those that have never been rebuilt are not there."""

    rebuilds: Sequence[RebuildRow]
