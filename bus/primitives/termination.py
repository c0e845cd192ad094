"""Tells of SIGTERM and SIGINT, once and from a thread: any number, at any time, means the same.

Python runs a signal handler in the main thread between any two of its instructions, also in the
middle of ``Event.wait`` or of the handler itself. An ``Event`` that is set there may wait for ever,
for a lock which the interrupted code holds. A supervisor that signals twice in a row causes that.
So there is no handler: the signals are blocked for the whole process and one thread waits for them.
Signals after the first stay pending.

Blocking goes by thread and is inherited, so it comes before everything that starts a thread. Child
processes inherit it, too: the children of the mains wait for the signals in the same way, or leave
them alone.

``stop_together`` ends the parts of a process when that time has come.
"""

import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class Termination:
    """Holds the signals back from its creation until there is somebody to tell."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def tell(self, stop: Callable[[], None]) -> None:
        """Call ``stop`` once, at the first signal, even if that has come already."""
        threading.Thread(target=_wait, args=(stop,), name="termination", daemon=True).start()


def apart_from_signals(work: Callable[[], T]) -> T:
    """Return the result of ``work`` in a thread of its own, from which the signals are held back.

    Use it for work that may leave threads behind, such as a driver's, before there is a
    ``Termination``: they inherit the block. A thread without it would be given the next signal,
    which would end the process on the spot. The thread that waits here can be interrupted.
    """
    outcome = Future[T]()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised below
            outcome.set_exception(error)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        threading.Thread(target=run, name="apart from signals", daemon=True).start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return outcome.result()


def _wait(stop: Callable[[], None]) -> None:
    signal.sigwait(SIGNALS)
    stop()


def stop_together(stops: Sequence[Callable[[], None]]) -> None:
    """Stop several parts at the same time, so that all take no longer than the slowest of them."""
    stopping = [threading.Thread(target=stop, name="stopping", daemon=True) for stop in stops]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join()
