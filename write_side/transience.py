"""Which errors pass by themselves: they say nothing about the command and do not count against it."""

import redis
from pymongo.errors import ConnectionFailure, PyMongoError

from bus.errors import VersionConflictError
from write_side.errors import BusyError, EarlierUnfinishedError


def is_transient(error: BaseException) -> bool:
    """Whether trying the same thing again later is all there is to do."""
    if isinstance(error, PyMongoError):
        return isinstance(error, ConnectionFailure) or error.timeout
    return isinstance(error, redis.RedisError | VersionConflictError | EarlierUnfinishedError | BusyError)
