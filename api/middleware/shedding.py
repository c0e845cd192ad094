"""Sheds load: past a bound a request is refused at once rather than queued without end.

There are two bounds. The server (``api.server.server``) keeps both before the application sees a
request, since a refusal must cost next to nothing. The server counts the requests that wait for a
thread. This module counts the commands that wait to be handled, on the queue in Redis, at most four
times a second. Beyond the bound writes are refused and reads go on. While Redis is away nothing is
counted, and commands are accepted as ever. The last tenth below the bound is not for customers.
They are told apart only later (``api.http.admission``).
"""

from http import HTTPStatus

import redis

from api.http.problems import Problem
from bus.inbox.gateway import COMMANDS_QUEUE
from bus.primitives.cached import CachedValue, StampedePolicy
from bus.primitives.circuit_breaker import CircuitBreaker
from bus.queue.keys import NAMESPACE

RETRY_AFTER_S = 1
COUNT_EVERY_S = 0.25


def overloaded(detail: str) -> Problem:
    """Return the problem of a refused request, which the caller may send again after a while."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail)


class Backlog:
    """The commands that are accepted and not yet handled, as the queue knows them."""

    def __init__(self, client: redis.Redis, limit: int, breaker: CircuitBreaker | None = None) -> None:
        """``breaker`` is shared with everything else that asks the same Redis."""
        self._client = client
        self._limit = limit
        self._breaker = breaker or CircuitBreaker()
        self._waiting = CachedValue(self._count, COUNT_EVERY_S, StampedePolicy.TAKE_OLD)

    def is_known_full(self) -> bool:
        """Return ``is_full`` without asking Redis: True only while the last count is fresh."""
        return (self._waiting.fresh() or 0) >= self._limit

    def is_full(self) -> bool:
        """Return True if no more commands should be let in.

        One caller counts; the others take the last count.
        """
        return self._waiting() >= self._limit

    def is_full_for_customers(self) -> bool:
        """Return the same for customers, which leave the last tenth to the others."""
        return self._waiting() >= self._limit - self._limit // 10

    def _count(self) -> int:
        if not self._breaker.admits():
            return 0
        try:
            waiting = int(self._client.hlen(f"{NAMESPACE}:{COMMANDS_QUEUE}.msgs"))
        except redis.RedisError:
            self._breaker.trip()
            return 0
        self._breaker.close()
        return waiting
