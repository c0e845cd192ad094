"""Stops once: the first SIGINT, SIGTERM or SIGHUP unwinds the runner, and later ones are ignored.

An impatient second Ctrl-C must not cut off the cleanup that the first one began. Under ``nohup``
SIGHUP stays ignored.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Raises KeyboardInterrupt at the first signal; ignores later ones and all after ``ignore``."""

    def __init__(self) -> None:
        self._ignoring = False

    def ignore(self) -> None:
        """Ignore all signals from now on, because the cleanup has begun."""
        self._ignoring = True

    def receive(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._ignoring:
            self._ignoring = True
            raise KeyboardInterrupt


@contextmanager
def first_signal_unwinds() -> Iterator[Interrupts]:
    """Handle signals this way during the block; Python allows this in the main thread only."""
    interrupts = Interrupts()
    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each, handler in before.items():
        if each != signal.SIGHUP or handler != signal.SIG_IGN:
            signal.signal(each, interrupts.receive)
    try:
        yield interrupts
    finally:
        interrupts.ignore()
        for each, handler in before.items():
            signal.signal(each, handler)
