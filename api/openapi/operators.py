"""The operations for operators that only read; the dashboard shows their answers."""

from collections.abc import Mapping
from http import HTTPStatus

from api.http.queries import NoQuery, Query, StoryQuery
from api.openapi.operation import DescribedAnswer, Operation, Tag
from api.ops import audit_trail, shapes, timeline_shapes
from api.ops.repair_bodies import CommandsQuery

Key = tuple[str, str]
"""A path and a method."""


def asking(  # noqa: PLR0913 - a row of the table
    id_: str,
    summary: str,
    shape: type,
    *,
    text: str = "",
    query: type[Query] = NoQuery,
    problems: tuple[int, ...] = (),
) -> Operation:
    """Return the description of an operation by which an operator asks something."""
    return Operation(
        id=id_,
        tag=Tag.OPS,
        summary=summary,
        text=text,
        query=query,
        answers={HTTPStatus.OK: DescribedAnswer("As it is at this moment.", shape)},
        problems=problems,
    )


OPERATIONS: Mapping[Key, Operation] = {
    ("/ops/flow", "GET"): asking(
        "readFlow",
        "What goes through the system, from requests to read models",
        shapes.Flow,
        text="Counters, for whoever asks every few seconds to make rates of.",
    ),
    ("/ops/commands", "GET"): asking(
        "listCommands",
        "The newest commands, and what they came to",
        shapes.CommandList,
        text="Those without an outcome by when they were accepted, the others by when they were decided.",
        query=CommandsQuery,
    ),
    ("/ops/queues", "GET"): asking(
        "readQueues",
        "What is on the queues",
        shapes.QueueReport,
        text="As `python -m bus queues --json` tells it, and how `redis-cli` shows the same.",
    ),
    ("/ops/read-models", "GET"): asking(
        "readReadModels",
        "How far every generation of every read model is",
        shapes.ReadModelStandings,
        text="As `python -m read_side status --json` tells it.",
    ),
    ("/ops/stories/{story_id}", "GET"): asking(
        "readStory",
        "What happened to an order, a customer, a product or a command",
        timeline_shapes.Story,
        text="From acceptance to the read models. A stream's name is taken for the id as well.",
        query=StoryQuery,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    ("/ops/audit-trail", "GET"): asking(
        "readAuditTrail",
        "Who did what as an operator, and who was shown personal data",
        audit_trail.AuditTrailPage,
        text="Newest first. Reads are counted by the hour.",
        query=audit_trail.AuditTrailQuery,
    ),
}
