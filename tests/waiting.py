"""Waiting for something to become true, never for a time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.02

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float, what: str, poll: float = POLL_S) -> T:
    """The first truthy ``condition()``; raises TimeoutError naming ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s, last {value!r}")
        time.sleep(poll)
