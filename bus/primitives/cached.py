"""A value that is slow to look up, looked up again when it is too old. Safe for threads.

The caller that looks gets its failure, and the failure is not kept: the next caller looks again. No
caller waits for more than one look. If each waited for the one before it, the last would wait for
all their timeouts while the server hangs.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import Enum, auto
from typing import Generic, TypeVar

Value = TypeVar("Value")


class StampedePolicy(Enum):
    """The rule for the other callers while one of them looks."""

    LOOK_TOO = auto()
    """Each looks within its own deadline, so the value is never older than it says."""
    TAKE_OLD = auto()
    """They take the old value, however old it is. While there is none, each looks."""
    WAIT = auto()
    """They wait for what that one finds, even an error. The look must be bounded in time."""


class CachedValue(Generic[Value]):
    """The result of ``look``, at most ``age_s`` seconds old, counted from the look's start."""

    def __init__(
        self,
        look: Callable[[], Value],
        age_s: float,
        policy: StampedePolicy = StampedePolicy.LOOK_TOO,
        *,
        sparing: int = 0,
    ) -> None:
        """``sparing`` keeps the value for at least so many times as long as the look took.

        If the look took 0.1 s and ``sparing`` is 20, the value is kept for at least 2 s.
        """
        self._look = look
        self._age_s = age_s
        self._policy = policy
        self._sparing = sparing
        self._known: tuple[Value, float] | None = None
        """The value, and the time until which it is not too old."""
        self._under_way: Future[Value] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Value:
        """Return the value, or raise what the look raised."""
        with self._lock:
            known, under_way = self._known, self._under_way
            if known is not None and time.monotonic() < known[1]:
                return known[0]
            own: Future[Value] = Future()
            if under_way is None:
                self._under_way = own
        if under_way is not None and self._policy is StampedePolicy.WAIT:
            return under_way.result()
        if under_way is not None and known is not None and self._policy is StampedePolicy.TAKE_OLD:
            return known[0]
        return self._look_again(own)

    def fresh(self) -> Value | None:
        """Return the value if it is not too old, without looking."""
        known = self._known
        return known[0] if known is not None and time.monotonic() < known[1] else None

    def forget(self) -> None:
        """Have the next caller look."""
        self._known = None

    def _look_again(self, own: "Future[Value]") -> Value:
        began = time.monotonic()
        try:
            value = self._look()
        except BaseException as error:
            own.set_exception(error)
            raise
        else:
            ended = time.monotonic()
            self._known = value, max(began + self._age_s, ended + self._sparing * (ended - began))
            own.set_result(value)
            return value
        finally:
            if self._under_way is own:
                self._under_way = None
