"""The operations for operators: what the dashboard asks and does."""

from collections.abc import Mapping
from http import HTTPStatus

from api.openapi.operation import Answer, Operation, Tag
from api.ops import shapes
from api.queries import NoQuery, Query

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
    """What an operator wants to know."""
    return Operation(
        id=id_,
        tag=Tag.OPS,
        summary=summary,
        text=text,
        query=query,
        answers={HTTPStatus.OK: Answer("As it is at this moment.", shape)},
        problems=problems,
    )


OPERATIONS: Mapping[Key, Operation] = {
    ("/ops/read-models", "GET"): asking(
        "readReadModels",
        "How far every generation of every read model is",
        shapes.ReadModelStandings,
        text="As `python -m read_side status --json` tells it.",
    ),
}
