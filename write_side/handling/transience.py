"""Errors that pass by themselves. They say nothing about a command and do not count against it."""

import redis

from bus.errors import AlreadyCommittedError, VersionConflictError
from bus.observability.outages import server_away
from write_side.errors import BusyError, EarlierUnfinishedError

_PASSING = AlreadyCommittedError | VersionConflictError | EarlierUnfinishedError | BusyError


def is_transient(error: BaseException) -> bool:
    """Return True if trying the same thing again later is all there is to do.

    This includes ``AlreadyCommittedError``: the command has its outcome, and the log does not show
    it yet.
    """
    if server_away(error) is not None:
        return True
    return isinstance(error, redis.RedisError | _PASSING)
