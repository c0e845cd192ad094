"""The shapes of a story: what happened to an order, a customer or a product, or to one command."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from api.http.problems import ProblemDocument

Kind = Literal["command", "order", "customer", "product"]


class By(TypedDict):
    """Who asked."""

    role: str
    subject: str


class StoryResolution(TypedDict):
    """What an operator did about a failure, which is kept here: a retry clears it elsewhere."""

    action: str
    at: datetime
    by: str
    reason: str
    failed_at: datetime | None
    error: str | None


class StoryCommand(TypedDict):
    """A command and what it came to, as it is kept.

    ``seq`` is the position of that in the log, also of an ``accepted`` one that has not left the inbox yet;
    ``version`` is the aggregate's after it. Of its ``attempts`` so many ended in ``errors``, and ``body``
    is what was asked: both are known as long as the inbox has it, that is until it is finished, or for ever
    if it failed; the last is ``error``, which for a failed command is why it failed. Those before an
    operator's retry are not counted: ``resolutions`` say what was done.
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
    """A commit; each event has its ``type``, the version ``v`` of its schema, and its own fields."""

    seq: int
    version: int | None
    at: datetime | None
    by: str | None
    command_id: str | None
    correlation_id: str | None
    events: Sequence[Mapping[str, Any]]


class StoryParked(TypedDict):
    """Since when a read model has set the stream aside, from which position on, and how much waits."""

    since: datetime
    error: str
    seq: int
    waiting: int


class StoryReadModel(TypedDict):
    """A read model that shows it. ``up_to_date`` if it has read the ``last_commit`` and left nothing out.

    ``documents`` are as they are stored: those that the events shown here fold into. They may lack events
    of ``others_parked``, streams that the model has parked besides, of which some are named.
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
    """Everything known of an id: the newest commands and commits, each the oldest first.

    ``also`` names what else has this id: `?kind=` asks for it. ``state`` is the aggregate as the write side
    has it now, at ``version``. ``more_`` says that there are older ones.
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
