"""Waiting for something to become true, never for a time to pass."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.02
RARELY_S = 0.2
"""Who has waited for seconds does not ask more often: asking takes time from what is waited for."""
SHARED = 3 if "PYTEST_XDIST_WORKER" in os.environ else 1
"""So many times longer is waited beside other tests: a bound says what failed, not how fast it must be."""
LONGEST_S = 150.0
"""Below pytest's own timeout, which would not say what was waited for."""

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float, what: str, poll: float | None = None) -> T:
    """The first truthy ``condition()``; raises TimeoutError naming ``what`` after ``timeout`` seconds.

    It is asked every ``poll`` seconds, by default more and more rarely.
    """
    timeout = max(timeout, min(timeout * SHARED, LONGEST_S))
    deadline = time.monotonic() + timeout
    pause = poll or POLL_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s, last {value!r}")
        time.sleep(pause)
        if poll is None:
            pause = min(pause * 1.2, RARELY_S)
