"""How long a request may take: never so long that its caller has given up.

The contract allows 5 s. What costs a request its time is a database that is away: an operation waits for
it, a thread waits with it, and other requests wait for the thread. So the time counts from when a request
was read, and all of its operations share what is left; one whose turn comes too late asks no database.
Whoever asks to wait (``Prefer: wait``, a ``Consistency-Token``) has the time it asks for. Such a request
gives its thread back while it waits and goes on several times (``api.middleware.deferral``). What it asks of
a database each time is bounded together, as of any request. So nothing that a caller sends is read here,
before it is known who asks.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import pymongo

from api.middleware.deferral import RESUMED
from bus.connections import liveness

PATIENCE_S = 4.0
ASKING_S = liveness.WITHIN_S
"""Kept for the question whether the database answers at all, which follows an operation that fails."""
AT_LEAST_S = 2.0
"""With less than this left nothing is asked of a database (``LATE``).

What goes there for one request goes for others as well (``bus.primitives.group_commit``): it must
not fail for them because one was late, and it may have to wait for the batch of somebody who has
more time.
"""
OPERATIONS_S = 2.5 - ASKING_S
"""What a request may spend on the database, until it waits or is answered, in however many operations."""
READ_AT = "twofold.read_at"
"""In the environment of a request: when it was read, on the monotonic clock."""
LATE = "twofold.late"
"""In the environment of a request that came too late for a database: the circuit refuses it."""
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def bounded(application: Application) -> Application:
    """A WSGI application whose requests take at most ``PATIENCE_S``, from when they were read.

    Those that begin too late for that are marked as ``LATE``; one that needs no database is answered all the
    same, such as a health check behind requests that wait for a database that is away.
    """

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if RESUMED in environ:
            with pymongo.timeout(OPERATIONS_S):
                return application(environ, start_response)
        now = time.monotonic()
        left = environ.get(READ_AT, now) + PATIENCE_S - now
        if left < AT_LEAST_S:
            environ[LATE] = True
            left = AT_LEAST_S
        with pymongo.timeout(min(left - ASKING_S, OPERATIONS_S)):
            return application(environ, start_response)

    return run
