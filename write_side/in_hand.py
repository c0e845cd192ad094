"""Which commands this process is handling, so that two of its threads do not handle the same one.

Correctness does not need it, since the log lets one outcome in. It saves the work, keeps the count of
attempts what it says (``bus.attempts``), and tells when a handler hangs.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

PATIENCE_S = 15.0
"""How long to wait for another thread; its operations are bounded by 10 s."""


class InHand:
    """The commands in the hands of a process's threads."""

    def __init__(self) -> None:
        self._settled = threading.Condition()
        self._began: dict[str, float] = {}

    @contextmanager
    def take(self, command_ids: Iterable[str]) -> Iterator[set[str]]:
        """Take those that nobody has; yields which."""
        with self._settled:
            mine = {command_id for command_id in command_ids if command_id not in self._began}
            self._began.update(dict.fromkeys(mine, time.monotonic()))
        try:
            yield mine
        finally:
            with self._settled:
                for command_id in mine:
                    del self._began[command_id]
                self._settled.notify_all()

    def wait_for(self, command_id: str) -> None:
        """Return when nobody has it, or when that takes too long."""
        with self._settled:
            self._settled.wait_for(lambda: command_id not in self._began, PATIENCE_S)

    def longest_s(self) -> float:
        """For how long the command has been in hand that has been for the longest; 0 if there is none."""
        with self._settled:
            now = time.monotonic()
            return now - min(self._began.values(), default=now)
