"""The shapes of what operators are shown.

The code that answers is checked against these types, and the description of the API is made from them.
Times are in seconds, counters count up over all processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict

from api.http.problems import ProblemDocument
from bus.inspection.figures import Figures
from bus.observability.heartbeats import Process
from read_side.queries.status import GenerationStatus


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


class Flow(TypedDict):
    """What goes through the system, from requests to read models. ``away`` names what could not be asked."""

    at: datetime
    away: Sequence[str]
    api: ApiFlow
    commands: CommandsFlow
    log: LogFlow
    read_models: Sequence[ReadModelFlow]
    processes: Sequence[Process]


class CommandRow(TypedDict):
    """A command and what it came to; ``by`` is the role and the subject that asked, as ``staff:ann``.

    ``problem`` says why it was rejected or failed.
    """

    command_id: str
    type: str
    status: Literal["accepted", "succeeded", "rejected", "failed"]
    stream: str
    by: str
    accepted_at: datetime
    finished_at: datetime | None
    problem: ProblemDocument | None


class CommandList(TypedDict):
    """The newest first; ``more`` says whether there are more than these."""

    commands: Sequence[CommandRow]
    more: bool


class FigureExplained(TypedDict):
    """What a figure means, and the commands that show the same: for ``redis-cli``, or for ``mongosh``."""

    figure: str
    meaning: str
    commands: Sequence[str]


@dataclass(frozen=True)
class QueueFigures(Figures):
    """One queue, and how to see each of its figures elsewhere."""

    redis_cli: Sequence[FigureExplained]


class QueueReport(TypedDict):
    """All queues. ``interval_s`` lies between the two looks."""

    at: datetime
    interval_s: float | None
    failed_commands: int
    queues: Sequence[QueueFigures]


class ReadModelStandings(TypedDict):
    """How far everything is, and what an operator should do something about."""

    read_models: Sequence[GenerationStatus]
    attention: Sequence[str]
