"""Which errors pass by themselves: they say nothing about the command and do not count against it."""

import redis

from bus.errors import VersionConflictError
from bus.outages import server_away
from write_side.errors import BusyError, EarlierUnfinishedError


def is_transient(error: BaseException) -> bool:
    """Whether trying the same thing again later is all there is to do."""
    if server_away(error) is not None:
        return True
    return isinstance(error, redis.RedisError | VersionConflictError | EarlierUnfinishedError | BusyError)
