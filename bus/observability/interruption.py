"""Something that a process does all the time, and cannot do while MongoDB or Redis is away.

It tries again and again, and each failure means the same. So the log has one line when the interruption
begins, and one when it ends. That a server is away at all is told by ``bus.observability.outages``.
"""

from types import TracebackType

import redis
from pymongo.errors import PyMongoError

from bus.observability.logs import logger


class Interruption:
    """A context manager for each try: it tells what MongoDB or Redis raises, and keeps it from the caller."""

    def __init__(self, begins: str, ends: str | None = None) -> None:
        """``begins`` and ``ends`` are what the log says; nothing at its end unless that is given."""
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
