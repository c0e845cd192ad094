"""A breaker: after a failure only one caller in a while asks the server again, until one succeeds.

A server that hangs costs each caller a whole timeout, and blocks the caller's thread for as long.
With a breaker between, a few callers pay that; all others do without the server at once.
"""

import threading
import time


class CircuitBreaker:
    """Closed at first. Callers ask ``admits`` before, and tell ``close`` or ``trip`` after."""

    def __init__(self, pause_s: float = 1.0) -> None:
        self._pause_s = pause_s
        self._open = False
        self._next = 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Return True if the server has failed somebody and has served nobody since."""
        return self._open

    def admits(self) -> bool:
        """Return True if the caller may ask the server.

        That is always so while closed, and for one caller every ``pause_s`` while open.
        """
        if not self._open:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return False
            self._next = now + self._pause_s
            return True

    def trip(self) -> bool:
        """Note that the server has failed somebody; return True if that is news."""
        with self._lock:
            is_news, self._open = not self._open, True
            self._next = time.monotonic() + self._pause_s
            return is_news

    def close(self) -> bool:
        """Note that the server has served somebody; return True if that is news."""
        if not self._open:
            return False
        with self._lock:
            is_news, self._open = self._open, False
            return is_news
