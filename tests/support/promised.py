"""Times that are promised to callers and supervisors: asserted, but for those in which nobody could run."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

LOOK_S = 0.02
STANDSTILL_S = 0.1
"""A thread that is woken so late was kept from running, as the machine's other processes may have been."""


@contextmanager
def promised(seconds: float, what: str) -> Iterator[None]:
    """Fail if the block takes longer than that on a machine that runs all the while."""
    began = time.monotonic()
    with _Standstills() as standstills:
        yield
    took = time.monotonic() - began
    assert took - standstills.seconds <= seconds, f"{what} took {took:.1f} s of {seconds:g}"


class _Standstills:
    """Adds up for how long a thread that sleeps all the time was woken too late."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standstills")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        is_over = False
        while not is_over:
            slept_at = time.monotonic()
            is_over = self._over.wait(LOOK_S)
            late = time.monotonic() - slept_at - LOOK_S
            if late > STANDSTILL_S:
                self.seconds += late
