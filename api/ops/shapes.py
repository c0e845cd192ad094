"""The shapes of what operators are shown.

mypy checks the code that answers against these types, and the description of the API is made from
them. Times are in seconds; counters count up over all processes.
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
    """Percentiles of the last minute, in seconds."""

    p50: float
    p99: float


class ApiFlow(TypedDict):
    """Requests answered, requests refused before the application, and the time spent in it."""

    requests: int
    refused: int
    seconds_sum: float
    seconds_count: int
    workers: int


class CommandsFlow(TypedDict):
    """Commands by outcome; ``handled_seconds`` is from acceptance to outcome.

    ``unfinished`` counts the commands in the inbox, of which the oldest is ``oldest_s`` old.
    ``failed_open`` counts the failed commands that wait for an operator. ``waiting``, ``in_flight``
    and ``delayed`` are on the queue, and ``null`` while Redis is away; ``dead`` then counts only
    those in MongoDB.
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
    """The log; ``commits`` is the sum of the partitions' highest positions."""

    commits: int
    partitions: int
    holes_closed: int


class Rebuilding(TypedDict):
    """A generation that is being filled: ``done`` of ``total`` commits."""

    generation: int
    done: int
    total: int


class ReadModelFlow(TypedDict):
    """The live generation of a read model.

    ``lag`` is in commits; ``lag_s`` is the age of the oldest of them, ``null`` if it is not known.
    """

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
    """The flow from requests to read models. ``away`` names the parts that could not be asked."""

    at: datetime
    away: Sequence[str]
    api: ApiFlow
    commands: CommandsFlow
    log: LogFlow
    read_models: Sequence[ReadModelFlow]
    processes: Sequence[Process]


class CommandRow(TypedDict):
    """A command and its outcome; ``by`` is the role and the subject that asked, as ``staff:ann``.

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
    """Commands, the newest first; ``more`` says whether there are more than these."""

    commands: Sequence[CommandRow]
    more: bool


class FigureExplained(TypedDict):
    """A figure's meaning, and the commands that show the same: for ``redis-cli`` or ``mongosh``."""

    figure: str
    meaning: str
    commands: Sequence[str]


@dataclass(frozen=True)
class QueueFigures(Figures):
    """One queue, with the commands that show each of its figures elsewhere."""

    redis_cli: Sequence[FigureExplained]


class QueueReport(TypedDict):
    """All queues. ``interval_s`` is the time between the two looks."""

    at: datetime
    interval_s: float | None
    failed_commands: int
    queues: Sequence[QueueFigures]


class ReadModelStandings(TypedDict):
    """The progress of all generations, and the things that need an operator's attention."""

    read_models: Sequence[GenerationStatus]
    attention: Sequence[str]
