"""Asks a server whether it answers now, after an operation on it has failed.

An operation times out for one of two reasons. Either the server hangs, and every caller should
leave it alone. Or the server is well and this one query takes too long, which concerns no other
caller. The error does not say which: pymongo gives up some milliseconds before mongod would report
``MaxTimeMSExpired``, and raises the same ``NetworkTimeout`` that a dead server causes. So the
server is sent the cheapest question, a ping, with a short timeout and on another connection:
pymongo has closed the one that timed out, and no other.

Why this is right: a server that is stopped, cut off or has no primary answers no ping, so the first
operation that times out finds it. A server that answers a ping serves other operations too. One
case stays unnoticed: a mongod that answers and cannot do its work, such as one whose disk hangs or
that has lost its majority. Each operation then takes its own time.

Callers that fail together share one question, so that finding out costs ``WITHIN_S`` for all of
them.
"""

import threading
import time
from collections.abc import Callable
from contextvars import Context

import pymongo
import redis
from pymongo.errors import ExecutionTimeout, NetworkTimeout, PyMongoError, WaitQueueTimeoutError

WITHIN_S = 0.8
"""The seconds allowed for an answer: hundreds of times what a ping takes, and little beside 5 s."""


def is_perhaps_slow(error: BaseException) -> bool:
    """Return True if an operation on MongoDB took too long, and the server may still be well."""
    return isinstance(error, NetworkTimeout | ExecutionTimeout | WaitQueueTimeoutError)


class ServerLiveness:
    """Asks one server. Safe for threads."""

    def __init__(self, ask: Callable[[], object], within_s: float = WITHIN_S) -> None:
        """``ask`` asks the server something and raises if it does not answer."""
        self._ask = ask
        self._within_s = within_s
        self._answers = True
        self._answered_at = float("-inf")
        self._asking = threading.Lock()

    def answers(self) -> bool:
        """Return True if the server answers.

        One caller asks. Callers that come meanwhile wait for its answer: it is later than their
        failures.
        """
        came_at = time.monotonic()
        with self._asking:
            if self._answered_at < came_at:
                self._answers = Context().run(self._answers_one)  # without the deadline of the caller
                self._answered_at = time.monotonic()
            return self._answers

    def _answers_one(self) -> bool:
        try:
            with pymongo.timeout(self._within_s):
                self._ask()
        except (PyMongoError, redis.RedisError):
            return False
        return True
