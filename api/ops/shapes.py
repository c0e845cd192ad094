"""The shapes of what operators are answered.

The code that answers is checked against these types, and the description of the API is made from them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict


class PartitionProgress(TypedDict):
    """One partition of a generation; ``lag`` in commits, ``rate`` in commits a second between two looks."""

    partition: int
    position: int
    head: int
    lag: int
    lag_s: float | None
    rate: float | None
    parked: int
    holder: str | None
    error: str | None
    error_at: datetime | None


class Generation(TypedDict):
    """One generation of a read model; ``state`` is ``live``, or what the registry says of it."""

    read_model: str
    generation: int
    state: str
    version: int
    this_version: int | None
    partitions: Sequence[PartitionProgress]


class ReadModelStandings(TypedDict):
    """How far everything is, and what an operator should do something about."""

    read_models: Sequence[Generation]
    attention: Sequence[str]
