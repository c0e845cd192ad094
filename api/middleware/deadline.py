"""Limits how long a request may take, so that it is answered before its caller gives up.

The contract allows 5 s. A request loses time if a database is away: an operation waits for it, a
thread waits with it, and other requests wait for the thread. So the time counts from when a request
was read, and all of its operations share what is left. A request whose turn comes too late asks no
database. A request that asks to wait (``Prefer: wait``, a ``Consistency-Token``) has the time it
asks for. It gives its thread back while it waits and goes on several times
(``api.middleware.deferral``). Each time, its operations on a database are bounded together, as
those of any request. So this module needs to read nothing that a caller sends, before the caller is
known.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import pymongo

from api.middleware.deferral import RESUMED
from bus.connections import liveness

PATIENCE_S = 4.0
ASKING_S = liveness.WITHIN_S
"""The time that is kept to ask, after an operation fails, whether the database answers at all."""
AT_LEAST_S = 2.0
"""A request with less than this left asks nothing of a database (``LATE``).

An operation for one request also serves others (``bus.primitives.group_commit``). It must not fail
for them because one request was late. And it may have to wait for the batch of a request that has
more time.
"""
OPERATIONS_S = 2.5 - ASKING_S
"""The time for all operations of a request on the database, until it waits or is answered."""
READ_AT = "twofold.read_at"
"""In the environment of a request: when it was read, on the monotonic clock."""
LATE = "twofold.late"
"""In the environment of a request that came too late for a database: the circuit refuses it."""
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def bounded(application: Application) -> Application:
    """Return a WSGI application that bounds requests to ``PATIENCE_S`` from when they were read.

    Requests that begin too late for that are marked as ``LATE``. A late request that needs no
    database is answered all the same. An example is a health check behind requests that wait for a
    database that is away.
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
