"""The shapes of what operators are shown.

The code that answers is checked against these types, and the description of the API is made from them.
Times are in seconds, counters count up over all processes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict


class Percentiles(TypedDict):
    """In seconds, of the last minute."""

    p50: float
    p99: float


class ApiFlow(TypedDict):
    """Requests answered, those refused before they reached the application, and the time spent in it."""

    requests: int
    refused: int
    seconds_sum: float
    seconds_count: int
    workers: int


class CommandsFlow(TypedDict):
    """Commands by what they came to; ``handled_seconds`` is from acceptance to outcome.

    ``unfinished`` counts the inbox, of which the oldest is ``oldest_s`` old; ``failed_open`` the failed
    commands that wait for an operator. ``waiting``, ``in_flight`` and ``delayed`` are on the queue, and
    ``null`` while Redis is away; ``dead`` are then only those in MongoDB.
    """

    accepted: int
    succeeded: int
    rejected: int
    failed: int
    handled_seconds: Percentiles | None
    unfinished: int
    waiting: int | None
    in_flight: int | None
    delayed: int | None
    dead: int
    failed_open: int
    oldest_s: float | None
    workers: int


class LogFlow(TypedDict):
    """``commits`` is the sum of the partitions' highest positions."""

    commits: int
    partitions: int
    holes_closed: int


class Rebuilding(TypedDict):
    """A generation that is being filled: ``done`` of ``total`` commits."""

    generation: int
    done: int
    total: int


class ReadModelFlow(TypedDict):
    """The live generation. ``lag`` in commits; ``lag_s`` the age of the oldest, ``null`` if not known."""

    name: str
    generation: int
    version: int
    lag: int
    lag_s: float | None
    applied: int
    visible_seconds: Percentiles | None
    parked: int
    attention: Sequence[str]
    rebuilding: Rebuilding | None


class ProcessBeat(TypedDict):
    """A process as it was last heard; ``well`` unless it has been silent for too long."""

    kind: str
    host: str
    pid: int
    version: str
    started_at: datetime
    beat_age_s: float
    well: bool


class Flow(TypedDict):
    """What goes through the system, from requests to read models. ``away`` names what could not be asked."""

    at: datetime
    away: Sequence[str]
    api: ApiFlow
    commands: CommandsFlow
    log: LogFlow
    read_models: Sequence[ReadModelFlow]
    processes: Sequence[ProcessBeat]


class StrandedWork(TypedDict):
    """Work that nobody is about to do; the sweeps find it. ``total`` is 0 in the ordinary course."""

    silent: int
    overdue: int
    unrung: int
    total: int


class FigureExplained(TypedDict):
    """What a figure means, and the commands that show the same: for ``redis-cli``, or for ``mongosh``."""

    figure: str
    meaning: str
    commands: Sequence[str]


class QueueFigures(TypedDict):
    """One queue. Rates, and what is stranded, are between two looks: ``null`` after the first."""

    queue: str
    waiting: int
    in_flight: int
    delayed: int
    dead: int
    oldest_s: float | None
    in_per_s: float | None
    out_per_s: float | None
    stranded: StrandedWork | None
    redis_cli: Sequence[FigureExplained]


class QueueReport(TypedDict):
    """All queues. ``interval_s`` lies between the two looks."""

    at: datetime
    interval_s: float | None
    failed_commands: int
    queues: Sequence[QueueFigures]


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
    """One generation of a read model; ``state`` is ``live``, or what the registry says of it.

    Of a model that counts by days, ``time_zone`` is the zone whose days they are, and ``this_time_zone`` the
    one that is configured; where they differ, the model is to be rebuilt.
    """

    read_model: str
    generation: int
    state: str
    version: int
    this_version: int | None
    partitions: Sequence[PartitionProgress]
    time_zone: str | None
    this_time_zone: str | None


class ReadModelStandings(TypedDict):
    """How far everything is, and what an operator should do something about."""

    read_models: Sequence[Generation]
    attention: Sequence[str]
