"""Everything that goes wrong, as ``application/problem+json`` (RFC 9457).

``type`` is a reference relative to this service, ``/problems/<code>``, stable for programs to
compare. It leads to a page that says what the problem means and what to do
(``api.http.problem_types``). ``title`` is the code in words. ``instance`` names the command that a
problem is the outcome of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NotRequired, TypedDict

import falcon
import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.http.problem_types import address, title
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from bus.messages.values import READABLE, is_id

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 100
"""The most wrong fields that one answer lists; a body can have thousands."""

STATUS_OF: Mapping[RejectionKind, HTTPStatus] = {
    RejectionKind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    RejectionKind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    RejectionKind.CONFLICT: HTTPStatus.CONFLICT,
    RejectionKind.VERSION_MISMATCH: HTTPStatus.PRECONDITION_FAILED,
}


class FieldProblem(TypedDict):
    """A wrong field, as a dotted path, and what is wrong with it."""

    field: str
    message: str


class ProblemDocument(TypedDict):
    """RFC 9457; ``type`` is for programs, ``instance`` is the command that ended with this."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[FieldProblem]]
    instance: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem as the caller is told it; it never holds internals or secrets."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    instance: str | None = None

    def document(self) -> ProblemDocument:
        document: ProblemDocument = {
            "type": address(self.code),
            "title": title(self.code),
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [{"field": e.field, "message": e.message} for e in self.errors]
        if self.instance:
            document["instance"] = self.instance
        return document

    def to_json(self) -> bytes:
        return orjson.dumps(self.document())

    def write_to(self, resp: falcon.Response) -> None:
        resp.status = int(self.status)
        resp.content_type = MEDIA_TYPE
        resp.data = self.to_json()


class ProblemError(Exception):
    """Raised to answer a request with a problem."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.headers = dict(headers or {})


def not_found(kind: str, identity: str) -> ProblemError:
    """Return a 404, the same if there is none and if it is somebody else's.

    It is also the answer of the write side.
    """
    code = f"unknown-{kind.replace(' ', '-')}"
    return ProblemError(Problem(HTTPStatus.NOT_FOUND, code, f"There is no {kind} {identity}."))


def checked_id(kind: str, identity: str) -> str:
    """Return an id from a path; raises a 404 for what cannot be an id, without repeating it."""
    if not is_id(identity):
        raise not_found(kind, "with this id")
    return identity


def forbidden(detail: str) -> ProblemError:
    return ProblemError(Problem(HTTPStatus.FORBIDDEN, "forbidden", detail))


def malformed(what: str, detail: str, errors: Iterable[FieldError] = ()) -> ProblemError:
    """Return a 400; ``what`` cannot be read in the request: body, query, cursor or header."""
    return ProblemError(Problem(HTTPStatus.BAD_REQUEST, f"malformed-{what}", detail, tuple(errors)))


def wrong_fields(errors: Iterable[FieldError]) -> ProblemError:
    detail = "The request can be read, but some of its fields are wrong."
    return ProblemError(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-fields", detail, tuple(errors)))


def field_errors(error: ValidationError) -> list[FieldError]:
    """Return the errors that pydantic found, by dotted path, without the values themselves."""
    found = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    inner = {e["loc"][:depth] for e in found for depth in range(1, len(e["loc"]))}
    return [
        FieldError(field=".".join(map(str, e["loc"])), message=_message(e))
        for e in found
        if not (e["type"] == "too_short" and e["loc"] in inner)  # only because its entries are wrong
    ]


def _message(error: ErrorDetails) -> str:
    match error["type"]:
        case "string_pattern_mismatch" if error["ctx"]["pattern"] == READABLE:
            return "must show something, and hold no control characters"
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "required"
        case "too_short":
            return f"must have at least {error['ctx']['min_length']} entries"
        case "too_long":
            return f"must have at most {error['ctx']['max_length']} entries"
        case _:
            message = error["msg"].removeprefix("Value error, ")
            return message[:1].lower() + message[1:]


def of_rejection(rejection: Rejection, command_id: str) -> Problem:
    return Problem(
        status=STATUS_OF[rejection.kind],
        code=rejection.code,
        detail=rejection.detail,
        errors=rejection.errors,
        instance=f"/commands/{command_id}",
    )


def of_outcome(outcome: Outcome, command_id: str) -> Problem | None:
    """Return the problem that a command came to; ``None`` if it succeeded.

    Only operators are told why it failed.
    """
    if outcome.rejection is not None:
        return of_rejection(outcome.rejection, command_id)
    if outcome.status is not CommandStatus.FAILED:
        return None
    return Problem(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="command-failed",
        detail=f"Command {command_id} failed. It is kept, and an operator can have it tried again.",
        instance=f"/commands/{command_id}",
    )
