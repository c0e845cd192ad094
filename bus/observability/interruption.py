"""Logs once that a process cannot do its regular work, because MongoDB or Redis is away.

The process tries again and again, and each failure means the same. So the log has one line when the
interruption begins, and one when it ends. ``bus.observability.outages`` logs that the server itself
is away.
"""

from types import TracebackType

import redis
from pymongo.errors import PyMongoError

from bus.observability.logs import logger


class Interruption:
    """A context manager for each try: it logs the first MongoDB or Redis error, and hides all."""

    def __init__(self, begins: str, ends: str | None = None) -> None:
        """``begins`` and ``ends`` are the log lines; without ``ends`` the end is not logged."""
        self._begins = begins
        self._ends = ends
        self.is_on = False

    def __enter__(self) -> None: ...

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        if error is None:
            self.end()
        elif isinstance(error, PyMongoError | redis.RedisError):
            self.begin(error)
            return True
        return False

    def begin(self, error: Exception) -> None:
        if not self.is_on:
            logger.warning(self._begins, error=error)
        self.is_on = True

    def end(self) -> None:
        if self.is_on and self._ends:
            logger.info(self._ends)
        self.is_on = False
