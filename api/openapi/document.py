"""The description as a whole: the route table, joined with the table of operations."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.http.media_types import accepted_by
from api.http.problems import ProblemDocument
from api.middleware.access import Roles, Route
from api.openapi import answers, headers, parameters
from api.openapi.operation import Tag
from api.openapi.operations import OPERATIONS, Key, check
from api.openapi.problems import PROBLEMS, name
from api.openapi.schemas import Schema, describe
from bus.version import VERSION

INTRODUCTION = """\
An order service on CQRS. Commands are accepted with a 202 and carried out in the order accepted; queries
are answered from read models, which follow a moment later. `Prefer: wait=N` waits for a command's outcome,
a `Consistency-Token` makes an answer show it.

HEAD works wherever GET does. Money is in minor units beside an ISO 4217 code, times are RFC 3339 in UTC.
A whole number in a body may be written as `2`, `2.0` or `2e0`; it is in minor units all the same. A leap
second is taken as the last millisecond before it. Unknown fields and query parameters are errors, a query
parameter without a value counts as left out, and everything that goes wrong is a problem (RFC 9457), whose
`type` leads to a page here that says what to do. What is not listed here is a 404, and a method that is not
listed for its path a 405."""
TAGS: Mapping[Tag, str] = {
    Tag.CUSTOMERS: "Who orders.",
    Tag.PRODUCTS: "What can be ordered.",
    Tag.ORDERS: "From placing to delivery.",
    Tag.ANALYTICS: "What it all comes to.",
    Tag.COMMANDS: "What became of a request to change something.",
    Tag.EVENTS: "Everything that happened.",
    Tag.OPS: "For operators: what goes on, and what needs one.",
    Tag.SERVICE: "The service itself.",
}

_SECURITY = "token"


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the description; raise ``ValueError`` if it would not be complete."""
    table = list(routes)
    check(table)
    of, components = _schemas()
    queries = {operation.query for operation in OPERATIONS.values()}
    paths = {
        route.path: {
            method.lower(): _operation((route.path, method), roles, of, components)
            for method, roles in route.roles.items()
        }
        for route in table
    }
    shown = {key: schema for key, schema in components.items() if key not in {q.__name__ for q in queries}}
    tidied: dict[str, Any] = _tidied(
        {
            "openapi": "3.1.0",
            "info": {"title": "Twofold", "version": VERSION, "description": INTRODUCTION},
            "servers": [{"url": "/", "description": "Where this description is from."}],
            "tags": [{"name": tag, "description": text} for tag, text in TAGS.items()],
            "paths": paths,
            "components": {
                "schemas": shown,
                "parameters": {
                    key: {"name": key, "in": "header", **described}
                    for key, described in headers.OF_REQUESTS.items()
                },
                "headers": dict(headers.OF_ANSWERS),
                "responses": {
                    name(status): answers.problem(status, of[ProblemDocument]) for status in PROBLEMS
                },
                "securitySchemes": {
                    _SECURITY: {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": (
                            "A token whose `role` is `customer` (then `sub` is its customer id), `staff`,"
                            " `ops` or `metrics`. `python -m api token` makes one."
                        ),
                    }
                },
            },
        }
    )
    return tidied


def _schemas() -> tuple[Mapping[type, Schema], Mapping[str, Schema]]:
    rows = OPERATIONS.values()
    taken = [kind for row in rows for kind in (row.query, row.body) if kind]
    shapes = [answer.shape for row in rows for answer in row.answers.values() if answer.shape]
    return describe(taken, [ProblemDocument, *shapes, *(row.ill for row in rows if row.ill)])


def _operation(key: Key, roles: Roles, of: Mapping[type, Schema], components: Mapping[str, Schema]) -> Schema:
    path, method = key
    row = OPERATIONS[key]
    whom = f"For {' and '.join(sorted(roles))}." if roles else "Open to all."
    described: Schema = {
        "operationId": row.id,
        "tags": [row.tag],
        "summary": row.summary,
        "description": f"{row.text} {whom}".strip(),
        "security": [{_SECURITY: []}] if roles else [],
        "x-roles": sorted(roles),
        "parameters": parameters.of_operation(path, row, components),
        "responses": answers.of_operation(row, roles, of),
    }
    if row.body:
        examples = {example: {"value": value} for example, value in row.body.examples.items()}
        content = {"schema": of[row.body], "examples": examples}
        described["requestBody"] = {
            "required": True,
            "content": dict.fromkeys(accepted_by(method).split(", "), content),
        }
    return described


def _tidied(value: Any, key: str = "") -> Any:
    """Return the value with docstrings as Markdown: in one line, and code in single backticks."""
    if isinstance(value, dict):
        return {key: _tidied(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_tidied(part) for part in value]
    if key == "description" and value != INTRODUCTION:
        return " ".join(value.replace("``", "`").split())
    return value
