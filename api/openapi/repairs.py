"""The operations by which operators mend something, and see what needs mending."""

from collections.abc import Mapping
from http import HTTPStatus

from api.http.bodies import Body
from api.openapi.operation import DescribedAnswer, Link, Operation, Tag
from api.openapi.operators import Key, asking
from api.ops import repair_bodies, repair_shapes
from read_side.rebuild.rebuild_status import RebuildStatus

_OF_A_BODY = (
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


def doing(  # noqa: PLR0913 - a row of the table
    id_: str,
    summary: str,
    answers: Mapping[int, DescribedAnswer],
    *,
    text: str,
    body: type[Body] | None = None,
    problems: tuple[int, ...] = (),
) -> Operation:
    """Return the description of an operation by which an operator has something done."""
    return Operation(
        id=id_,
        tag=Tag.OPS,
        summary=summary,
        text=text,
        body=body,
        answers=answers,
        problems=(*problems, *(_OF_A_BODY if body else ())),
    )


def _resolving(id_: str, summary: str, text: str) -> Operation:
    happened = DescribedAnswer("Done: what happened, in words.", repair_shapes.Resolved)
    return doing(
        id_,
        summary,
        {HTTPStatus.OK: happened},
        text=f"{text} Who asks is recorded with the reason.",
        body=repair_bodies.Resolution,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )


OPERATIONS: Mapping[Key, Operation] = {
    ("/ops/dead", "GET"): asking(
        "listDead",
        "Failed commands and dead letters, newest first",
        repair_shapes.DeadList,
        text="As `python -m bus dead list --json` tells it.",
        query=repair_bodies.DeadQuery,
    ),
    ("/ops/dead/{failure_id}", "GET"): asking(
        "readDead",
        "All that is known of a failed command or a dead letter",
        repair_shapes.DeadInFull,
        text="Its payload included, and with that personal data.",
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    ("/ops/dead/{failure_id}/retry", "POST"): _resolving(
        "retryDead",
        "Have it tried again",
        "A command is accepted once more, at the end of the order; a letter goes back on its queue.",
    ),
    ("/ops/dead/{failure_id}/discard", "POST"): _resolving(
        "discardDead", "Set it aside", "It is kept, and listed with `all=true` only."
    ),
    ("/ops/parked", "GET"): asking(
        "listParked",
        "Streams that read models have set aside",
        repair_shapes.ParkedList,
        query=repair_bodies.ParkedQuery,
    ),
    ("/ops/parked/retry", "POST"): doing(
        "retryParked",
        "Have a parked stream retried",
        {HTTPStatus.OK: DescribedAnswer("What has come of it within a moment.", repair_shapes.RetriedList)},
        text=(
            "What its read models missed is folded in, by the processes that project. One that counts many"
            " streams into one document has to be rebuilt instead."
        ),
        body=repair_bodies.ParkedStream,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    ("/ops/rebuilds", "GET"): asking(
        "listRebuilds",
        "The latest rebuild of each read model",
        repair_shapes.RebuildList,
        text="Also of those started from the command line, as far as can be seen.",
    ),
    ("/ops/rebuilds", "POST"): doing(
        "requestRebuild",
        "Have a read model rebuilt from the log",
        {
            HTTPStatus.ACCEPTED: DescribedAnswer(
                "A process will take it.",
                RebuildStatus,
                links={
                    "stop": Link("stopRebuild", {"path.read_model": "$response.body#/read_model"}),
                },
            )
        },
        text=(
            "A process that projects carries it out, beside all else; commands and queries go on meanwhile."
            " One runs at a time."
        ),
        body=repair_bodies.ModelToRebuild,
        problems=(HTTPStatus.CONFLICT,),
    ),
    ("/ops/rebuilds/{read_model}/stop", "POST"): doing(
        "stopRebuild",
        "Stop a requested rebuild",
        {HTTPStatus.ACCEPTED: DescribedAnswer("It is stopped, or will be in a moment.", RebuildStatus)},
        text="What is built so far is gone on with by the next one.",
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
}
