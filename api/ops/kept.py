"""Something that is looked up at most once a second, however many ask.

One caller looks, the others wait for what it finds, also if that is an error: a database that hangs holds
them as long as one look takes, not one after the other.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")

KEPT_S = 1.0


class Kept(Generic[Found]):
    """What ``look`` found. It has to be bounded in time, since others wait for it."""

    def __init__(self, look: Callable[[], Found], kept_s: float = KEPT_S) -> None:
        self._look = look
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._found: tuple[Found] | None = None
        self._error: Exception | None = None
        self._looked_at = float("-inf")

    def __call__(self) -> Found:
        """At most ``kept_s`` old; raises what looking raised."""
        with self._lock:
            if time.monotonic() - self._looked_at >= self._kept_s:
                self._look_again()
            if self._found is None:
                raise self._error or LookupError("nothing was found")
            return self._found[0]

    def _look_again(self) -> None:
        self._found = self._error = None
        try:
            self._found = (self._look(),)
        except Exception as error:  # noqa: BLE001 - raised to everybody who waits
            self._error = error
        self._looked_at = time.monotonic()
