"""The shapes of a story: what happened to an order, a customer or a product, or to one command."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from api.http.problems import ProblemDocument

Kind = Literal["command", "order", "customer", "product"]


class By(TypedDict):
    """The role and the subject of the caller that asked."""

    role: str
    subject: str


class StoryResolution(TypedDict):
    """An operator's action about a failure, which is kept here: a retry clears it elsewhere."""

    action: str
    at: datetime
    by: str
    reason: str
    failed_at: datetime | None
    error: str | None


class StoryCommand(TypedDict):
    """A command and its outcome, as they are kept.

    ``seq`` is the outcome's position in the log, also for an ``accepted`` command that has not left
    the inbox yet. ``version`` is the aggregate's version after it. ``errors`` counts the
    ``attempts`` that ended in an error, and ``error`` is the last one; for a failed command it is
    why it failed. Attempts before an operator's retry are not counted: ``resolutions`` say what the
    operator did. ``body`` is the request. ``attempts`` and ``body`` are known as long as the inbox
    has the command: until it is finished, or for ever if it failed.
    """

    command_id: str
    type: str
    status: str
    accepted_at: datetime
    finished_at: datetime | None
    by: By
    correlation_id: str
    seq: int | None
    version: int | None
    problem: ProblemDocument | None
    attempts: int | None
    errors: int
    error: str | None
    resolutions: Sequence[StoryResolution]
    body: Mapping[str, Any] | None


class StoryCommit(TypedDict):
    """A commit; each event has its ``type``, the version ``v`` of its schema and its own fields."""

    seq: int
    version: int | None
    at: datetime | None
    by: str | None
    command_id: str | None
    correlation_id: str | None
    events: Sequence[Mapping[str, Any]]


class StoryParked(TypedDict):
    """The stream is parked ``since`` then, from position ``seq`` on; ``waiting`` commits follow."""

    since: datetime
    error: str
    seq: int
    waiting: int


class StoryReadModel(TypedDict):
    """A read model that shows it; ``up_to_date`` if it read ``last_commit`` and left nothing out.

    ``documents`` are the stored documents that the events shown here fold into. They may lack
    events of ``others_parked``: these are some of the other streams that the model has parked.
    """

    name: str
    generation: int
    up_to_date: bool
    position: int
    last_commit: int
    parked: StoryParked | None
    others_parked: Sequence[str]
    documents: Sequence[Mapping[str, Any]]
    more_documents: bool


class Story(TypedDict):
    """Everything known of an id: the newest commands and commits, the oldest of these first.

    ``also`` names the other kinds that have this id: `?kind=` asks for one of them. ``state`` is
    the aggregate as the write side has it now, at ``version``. ``more_commands`` and
    ``more_commits`` say whether there are older ones.
    """

    id: str
    kind: Kind
    also: Sequence[Kind]
    stream: str
    partition: int
    version: int | None
    state: Mapping[str, Any] | None
    commands: Sequence[StoryCommand]
    commits: Sequence[StoryCommit]
    read_models: Sequence[StoryReadModel]
    more_commands: bool
    more_commits: bool
