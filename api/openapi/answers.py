"""Describes the answers of an operation: their headers, bodies and links to further operations."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

import falcon

from api.http import problems as served
from api.middleware.access import Roles
from api.middleware.correlation import HEADER as CORRELATION
from api.openapi import headers
from api.openapi.operation import DescribedAnswer, Operation
from api.openapi.problems import EVERYWHERE, PROBLEMS, UNNAMED, WITH_A_TOKEN, name
from api.openapi.schemas import Schema


def of_operation(row: Operation, roles: Roles, of: Mapping[type, Schema]) -> Schema:
    """Return all answers of an operation by status."""
    described = {
        **{str(int(status)): _answer(answer, of, roles) for status, answer in row.answers.items()},
        **{str(status): {"$ref": _reference(status)} for status in _problems(row, roles)},
    }
    if row.ill:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        described[str(int(status))] = problem(status, {"anyOf": [of[row.ill], of[served.ProblemDocument]]})
    return dict(sorted(described.items()))


def _problems(row: Operation, roles: Roles) -> set[int]:
    found = {int(status) for status in (*EVERYWHERE, *row.problems, *(WITH_A_TOKEN if roles else ()))}
    return found | {int(HTTPStatus.TOO_MANY_REQUESTS)} if "Prefer" in row.headers else found


def _answer(answer: DescribedAnswer, of: Mapping[type, Schema], roles: Roles) -> Schema:
    always = (*answer.headers, "Cache-Control", CORRELATION, *(("Vary",) if roles else ()))
    perhaps = (*answer.perhaps, *(() if "Vary" in always else ("Vary",)))
    described: Schema = {"description": answer.description, "headers": _headers(always, perhaps)}
    content: Schema = {}
    if answer.shape:
        content[falcon.MEDIA_JSON] = {"schema": of[answer.shape]}
    for media_type in answer.media_types:
        kind = "object" if media_type == falcon.MEDIA_JSON else "string"
        content[media_type] = {"schema": {"type": kind}}
    if content:
        described["content"] = content
    if answer.links:
        described["links"] = {
            key: {"operationId": link.operation, "parameters": dict(link.parameters)}
            for key, link in answer.links.items()
        }
    return described


def problem(status: int, schema: Schema) -> Schema:
    """Return the answer with a problem of this status, whose body has this schema."""
    kind = PROBLEMS[status]
    always, perhaps = kind.headers, ("Cache-Control", "Vary", *kind.perhaps)
    if status in UNNAMED:
        perhaps = (*perhaps, CORRELATION)
    else:
        always = (*always, CORRELATION)
    return {
        "description": kind.description,
        "headers": _headers(always, perhaps),
        "content": {served.MEDIA_TYPE: {"schema": schema}},
    }


def _headers(always: Iterable[str], perhaps: Iterable[str]) -> Schema:
    return {
        **{key: {**headers.OF_ANSWERS[key], "required": True} for key in always},
        **{key: {"$ref": f"#/components/headers/{key}"} for key in perhaps},
    }


def _reference(status: int) -> str:
    return f"#/components/responses/{name(status)}"
