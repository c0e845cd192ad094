"""A breaker: after a failure nobody asks the server again for a while.

A server that hangs costs whoever asks it a whole timeout. Threads that ask one after the other would pay it
one after the other; with a breaker one of them pays, and the others do without. What can be done without
is all that belongs behind one.
"""

import time


class Breaker:
    """Open for ``pause_s`` after each failure. A race between threads costs one more attempt."""

    def __init__(self, pause_s: float = 1.0) -> None:
        self._pause_s = pause_s
        self._until = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether not to ask."""
        return time.monotonic() < self._until

    def trip(self) -> None:
        self._until = time.monotonic() + self._pause_s
