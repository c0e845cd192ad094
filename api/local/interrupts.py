"""Stopping once: the first SIGINT, SIGTERM or SIGHUP unwinds the runner, all later ones are ignored.

An impatient second Ctrl-C must not cut off the cleanup that the first one began. A ``nohup`` is respected.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Raises KeyboardInterrupt at the first signal while it has not been told to ignore them."""

    def __init__(self) -> None:
        self._ignoring = False

    def ignore(self) -> None:
        """From here on everything is cleanup."""
        self._ignoring = True

    def receive(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._ignoring:
            self._ignoring = True
            raise KeyboardInterrupt


@contextmanager
def first_signal_unwinds() -> Iterator[Interrupts]:
    """Handle signals this way during the block; only in the main thread, as Python has it."""
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
