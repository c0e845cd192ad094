"""Reads the bodies of requests. Each resource defines its own; a body is not a command yet.

An unknown field is an error. If a field of a creation is optional, ``null`` is the same as leaving
it out. In a change ``null`` is refused, since it could be taken for "remove".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar

import falcon
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from api.http.media_types import ACCEPT_PATCH, UTF_8, accepted_by
from api.http.problems import ProblemError, field_errors, malformed, wrong_fields
from api.http.strict_json import parse_object
from api.middleware.error_handlers import of_status

MAX_BODY_BYTES = 128 * 1024
"""Twice what the largest order takes: 200 lines, each id at its limit, and the longest address."""


class Body(BaseModel):
    """The body of a request; ``examples`` are its examples in the description, by their names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: ClassVar[Mapping[str, Any]] = {}


AnyBody = TypeVar("AnyBody", bound=Body)


@dataclass(frozen=True, slots=True)
class Received(Generic[AnyBody]):
    """A body, and its canonical text for telling requests apart."""

    body: AnyBody
    canonical: bytes


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("must not be null: leave the field out to keep what is there")
    return value


def _described_with_empty(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"const": "", "type": "string"})


def _described_without_null(schema: dict[str, Any]) -> None:
    kept, _null = schema.pop("anyOf")
    schema.update(kept)
    del schema["default"]


def _described_with_empty_without_null(schema: dict[str, Any]) -> None:
    text, _null = schema.pop("anyOf")
    schema["anyOf"] = [text, {"const": "", "type": "string"}]
    del schema["default"]


OPTIONAL_TEXT = BeforeValidator(_none_if_empty), Field(json_schema_extra=_described_with_empty)
"""For text that may be left out: forms send empty text for a field that was not filled in."""
NOT_NULL = BeforeValidator(_not_null), Field(json_schema_extra=_described_without_null)
"""For a field of a change: it may be left out, and must not be null."""
TEXT_NOT_NULL = (
    BeforeValidator(_none_if_empty),
    BeforeValidator(_not_null),  # runs first
    Field(json_schema_extra=_described_with_empty_without_null),
)
"""For text of a change: it must not be null, and empty text counts as left out."""


def read(req: falcon.Request, kind: type[AnyBody]) -> Received[AnyBody]:
    """Return the body of a request.

    Raises:
        ProblemError: 400 for a body that is not a JSON object, 413, 415, or 422 for wrong fields.

    """
    _check_media_type(req)
    text = _read_bytes(req)
    try:
        parsed = parse_object(text)
    except ValueError as error:
        raise malformed("body", f"The body must be one JSON object: {error}.") from None
    try:
        return Received(kind.model_validate(parsed.members), parsed.canonical)
    except ValidationError as error:
        raise wrong_fields(field_errors(error)) from None


def _check_media_type(req: falcon.Request) -> None:
    """Raise a 415 for a body of another type or encoding; its headers say what would do.

    See RFC 9110, section 15.5.16, and RFC 5789, section 2.2.
    """
    headers: dict[str, str] = {}
    if (req.get_header("Content-Encoding") or "identity").strip().lower() != "identity":
        headers["Accept-Encoding"] = "identity"
    accepted = accepted_by(req.method)
    media_type, *parameters = (req.content_type or "").lower().split(";")
    charsets = [p.split("=", 1)[1].strip(' "') for p in parameters if p.strip().startswith("charset=")]
    if media_type.strip() not in accepted.split(", ") or charsets[1:] or not UTF_8.issuperset(charsets):
        headers["Accept"] = accepted
    if not headers:
        return
    if req.method == "PATCH":
        headers["Accept-Patch"] = ACCEPT_PATCH
    detail = f"The body must be {accepted.replace(', ', ' or ')} in UTF-8, without a content encoding."
    raise ProblemError(of_status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail), headers)


def _read_bytes(req: falcon.Request) -> bytes:
    if (req.content_length or 0) > MAX_BODY_BYTES:
        raise ProblemError(of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
    text: bytes = req.bounded_stream.read(MAX_BODY_BYTES + 1)
    if len(text) > MAX_BODY_BYTES:
        raise ProblemError(of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
    return text
