"""Which commands this process is handling, so that two of its threads do not handle the same one.

Correctness does not need it, since the log lets one outcome in. It saves the work, keeps the count of
attempts what it says (``bus.attempts``), and tells when a handler hangs.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 15.0
"""How long to wait for another thread; its operations are bounded by 10 s."""


class InHand:
    """The commands in the hands of a process's threads."""

    def __init__(self) -> None:
        self._settled = threading.Condition()
        self._began: dict[str, float] = {}

    @contextmanager
    def take(self, command_id: str) -> Iterator[bool]:
        """Whether the command is this thread's now.

        If another has it, waits until that one has settled it.
        """
        with self._settled:
            mine = command_id not in self._began
            if mine:
                self._began[command_id] = time.monotonic()
            else:
                self._settled.wait_for(lambda: command_id not in self._began, PATIENCE_S)
        try:
            yield mine
        finally:
            if mine:
                with self._settled:
                    del self._began[command_id]
                    self._settled.notify_all()

    def longest_s(self) -> float:
        """For how long the command has been in hand that has been for the longest; 0 if there is none."""
        with self._settled:
            now = time.monotonic()
            return now - min(self._began.values(), default=now)
