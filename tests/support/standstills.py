"""Notices when this machine lets nobody run, as one that is shared with others does now and then."""

import threading
import time
from typing import Self

LOOK_S = 0.02
STANDSTILL_S = 0.1
"""A thread that is woken so late was kept from running, as the machine's other processes may have been."""
LATELY_S = 30.0


class Standstills:
    """Adds up for how long a thread that sleeps all the time was woken too late, from entering to leaving."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last_at = float("-inf")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standstills", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """From here on; to the end of the process, if nobody leaves."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def was_lately(self) -> bool:
        """Whether there was one within ``LATELY_S``."""
        return time.monotonic() - self._last_at < LATELY_S

    def _run(self) -> None:
        is_over = False
        while not is_over:
            slept_at = time.monotonic()
            is_over = self._over.wait(LOOK_S)
            late = time.monotonic() - slept_at - LOOK_S
            if late > STANDSTILL_S:
                self.seconds += late
                self._last_at = time.monotonic()
