"""The problems that operations answer with, by status."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_OUTCOME = ("Link", "Preference-Applied")


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem's status in words; its headers as those of an ``Answer``."""

    description: str
    headers: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()


PROBLEMS: Mapping[int, Kind] = {
    HTTPStatus.BAD_REQUEST: Kind(
        "The body, the query, a cursor or a header cannot be read, or was not given out here."
    ),
    HTTPStatus.UNAUTHORIZED: Kind("There is no token, or it is not good here.", ("WWW-Authenticate",)),
    HTTPStatus.FORBIDDEN: Kind("The role may not do this, or a customer not to others."),
    HTTPStatus.NOT_FOUND: Kind("There is none, or it is somebody else's.", perhaps=_OUTCOME),
    HTTPStatus.METHOD_NOT_ALLOWED: Kind("That cannot be done at this address.", ("Allow",)),
    HTTPStatus.NOT_ACCEPTABLE: Kind("`Accept` excludes what is here."),
    HTTPStatus.CONFLICT: Kind(
        "The id is taken, or that cannot be done to what is there as it is.", perhaps=_OUTCOME
    ),
    HTTPStatus.PRECONDITION_FAILED: Kind("It is at another version than meant.", perhaps=_OUTCOME),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Kind("A body has at most 128 KiB."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Kind(
        "The body must be JSON in UTF-8, without a content encoding; the headers say what would do.",
        perhaps=("Accept", "Accept-Encoding", "Accept-Patch"),
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: Kind(
        "Some fields are wrong: see `errors`; or the Idempotency-Key belongs to another request.",
        perhaps=_OUTCOME,
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Kind(
        "Too many of the caller's commands are unfinished, or too many of its requests wait.",
        ("Retry-After",),
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: Kind("The request line and headers are too large."),
    HTTPStatus.INTERNAL_SERVER_ERROR: Kind(
        "Something went wrong here; or the command failed.", perhaps=_OUTCOME
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Kind(
        "Not now: a part is away, there is too much to do, or what was asked for is not visible yet.",
        ("Retry-After",),
    ),
}

EVERYWHERE = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
WITH_A_TOKEN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_ACCEPTABLE)

UNNAMED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""What the server itself may say before a request has a name, or instead of the application."""


def name(status: int) -> str:
    """Of a problem's response among the components."""
    return "".join(word.capitalize() for word in HTTPStatus(status).name.split("_"))
