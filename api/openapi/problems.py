"""The problems that operations answer with, by status."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_OUTCOME = ("Link", "Preference-Applied")


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """A problem's status in words; ``headers`` and ``perhaps`` are as in a ``DescribedAnswer``."""

    description: str
    headers: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()


PROBLEMS: Mapping[int, ProblemAnswer] = {
    HTTPStatus.BAD_REQUEST: ProblemAnswer(
        "The body, the query, a cursor or a header cannot be read, or was not given out here."
    ),
    HTTPStatus.UNAUTHORIZED: ProblemAnswer(
        "There is no token, or it is not good here.", ("WWW-Authenticate",)
    ),
    HTTPStatus.FORBIDDEN: ProblemAnswer("The role may not do this, or a customer not to others."),
    HTTPStatus.NOT_FOUND: ProblemAnswer("There is none, or it is somebody else's.", perhaps=_OUTCOME),
    HTTPStatus.METHOD_NOT_ALLOWED: ProblemAnswer("That cannot be done at this address.", ("Allow",)),
    HTTPStatus.NOT_ACCEPTABLE: ProblemAnswer("`Accept` excludes what is here."),
    HTTPStatus.CONFLICT: ProblemAnswer(
        "The id is taken, or that cannot be done to what is there as it is.", perhaps=_OUTCOME
    ),
    HTTPStatus.PRECONDITION_FAILED: ProblemAnswer("It is at another version than meant.", perhaps=_OUTCOME),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ProblemAnswer("A body has at most 128 KiB."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ProblemAnswer(
        "The body must be JSON in UTF-8, without a content encoding; the headers say what would do.",
        perhaps=("Accept", "Accept-Encoding", "Accept-Patch"),
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: ProblemAnswer(
        "Some fields are wrong: see `errors`; or the Idempotency-Key belongs to another request.",
        perhaps=_OUTCOME,
    ),
    HTTPStatus.TOO_MANY_REQUESTS: ProblemAnswer(
        "Too many of the caller's commands are unfinished, too many of its requests wait,"
        " or it sends too many commands a second.",
        ("Retry-After",),
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ProblemAnswer("The request line and headers are too large."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ProblemAnswer(
        "Something went wrong here; or the command failed.", perhaps=_OUTCOME
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: ProblemAnswer(
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
"""The statuses that the server itself may send.

It sends them before a request has a correlation id, or instead of the application.
"""


def name(status: int) -> str:
    """Return the name of a problem's response among the components."""
    return "".join(word.capitalize() for word in HTTPStatus(status).name.split("_"))
