"""Shedding load: past a bound a request is refused at once rather than queued without end.

Two bounds. Requests that wait for a thread are counted by the server (``api.server``), which answers the
surplus before it is even looked at. Commands that wait to be handled are counted here, on the queue in
Redis, at most four times a second: a write beyond the bound is refused, reads go on. While Redis is away
nothing is counted, and commands are accepted as ever.
"""

import threading
import time
from http import HTTPStatus

import redis

from api.problems import Problem, ProblemError
from bus.broker import NAMESPACE
from bus.gateway import COMMANDS_QUEUE

RETRY_AFTER_S = 1
COUNT_EVERY_S = 0.25


def overloaded(detail: str) -> Problem:
    """The answer to what is refused; sent again after a while it will do."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail)


class Backlog:
    """The commands that are accepted and not yet handled, as the queue knows them."""

    def __init__(self, client: redis.Redis, limit: int) -> None:
        self._client = client
        self._limit = limit
        self._waiting = 0
        self._counted_at = float("-inf")
        self._counting = threading.Lock()

    def check(self) -> None:
        """Let a command pass.

        Raises:
            ProblemError: 503, there are too many before it.

        """
        if time.monotonic() - self._counted_at > COUNT_EVERY_S and self._counting.acquire(blocking=False):
            try:
                self._waiting = self._client.hlen(f"{NAMESPACE}:{COMMANDS_QUEUE}.msgs")
            except redis.RedisError:
                self._waiting = 0
            finally:
                self._counted_at = time.monotonic()
                self._counting.release()
        if self._waiting >= self._limit:
            raise ProblemError(
                overloaded("Too many commands are waiting to be handled."),
                {"Retry-After": str(RETRY_AFTER_S)},
            )
