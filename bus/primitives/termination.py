"""SIGTERM and SIGINT, told once and from a thread: any number of them, at any moment, mean the same.

Python runs a signal handler in the main thread between any two of its instructions, also in the middle of
``Event.wait`` or of the handler itself. An ``Event`` that is set there may wait for a lock which the
interrupted code holds, so for ever; a supervisor that signals twice in a row gets there. So there is no
handler: the signals are blocked for the whole process and one thread waits for them. What comes after the
first stays pending.

Blocking goes by thread and is inherited, so it comes before everything that starts one. Child processes
inherit it, too: those that the mains have wait for the signals in the same way, or leave them alone.
"""

import signal
import threading
from collections.abc import Callable

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class Termination:
    """Holds the signals back from when it is made until somebody is there to be told."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def tell(self, stop: Callable[[], None]) -> None:
        """Call ``stop`` once, at the first signal, also if that has come already."""
        threading.Thread(target=_wait, args=(stop,), name="termination", daemon=True).start()


def _wait(stop: Callable[[], None]) -> None:
    signal.sigwait(SIGNALS)
    stop()
