"""How long a request may take: never so long that its caller has given up.

The contract allows 5 s. What costs a request its time is a database that is away: an operation waits for
it, a thread waits with it, and other requests wait for the thread. So the time counts from when a request
was read, and all of its operations share what is left; one whose turn comes too late is answered at once.
Whoever asks to wait (``Prefer: wait``, a ``Consistency-Token``) has the time it asks for, in which each
single operation is bounded by the database client's own timeout.
"""

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import pymongo

from api import consistency, prefer
from api.problems import MEDIA_TYPE, Problem
from bus import liveness

PATIENCE_S = 4.6
ASKING_S = liveness.WITHIN_S
"""Kept for the question whether the database answers at all, which follows an operation that fails."""
AT_LEAST_S = 1.0 + ASKING_S
"""With less than this left a request is not begun: what goes to the database for it goes for others as well,
and must not fail for them because one was late."""
OPERATIONS_S = 2.4 - ASKING_S
"""What a request may spend on the database, however many operations it takes.

While nobody knows yet that the database is away, those behind it wait as long: so with the question it is
less than they have (``PATIENCE_S`` without ``AT_LEAST_S``), and none that needs no database is refused.
"""
READ_AT = "twofold.read_at"
"""In the environment of a request: when it was read, on the monotonic clock."""
RETRY_AFTER_S = 1
_TOKEN = "HTTP_" + consistency.HEADER.upper().replace("-", "_")
_TOO_LATE = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "The request has waited too long for its turn."
).to_json()

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def bounded(application: Application) -> Application:
    """A WSGI application whose requests take at most ``PATIENCE_S``, from when they were read."""

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        now = time.monotonic()
        left = environ.get(READ_AT, now) + PATIENCE_S - now
        if left < AT_LEAST_S:
            length = str(len(_TOO_LATE))
            headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", length)]
            start_response("503 Service Unavailable", [*headers, ("Retry-After", str(RETRY_AFTER_S))])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [_TOO_LATE]
        if _TOKEN in environ or prefer.parse(environ.get("HTTP_PREFER")).wait:
            return application(environ, start_response)
        with pymongo.timeout(min(left - ASKING_S, OPERATIONS_S)):
            return application(environ, start_response)

    return run
