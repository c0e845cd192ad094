"""A thread that looks something up again and again, for requests that go by what it found last.

If a look fails, requests still go by what was found before. The log has one line when looks begin
to fail, and one when they succeed again. The pause before the next look grows with each failure. No
error that a look raises ends the thread.
"""

import random
import threading
from collections.abc import Callable

from bus.observability.interruption import Interruption

FIRST_S = 2.0
"""The time that a process waits for the first look before it serves."""
STOP_S = 0.3


class Refresher:
    """Looks at once when started, then every ``every_s`` seconds, and sooner when asked to.

    A request for a look is an event that the thread clears before it begins one. So after
    ``look_now`` a look begins, whatever the thread is doing, and several requests during one look
    cause one more. ``stop`` sets ``_stopping`` before the event, and the thread looks at
    ``_stopping`` after it has cleared the event. So it either sees ``_stopping`` there, or finds
    the event set when it goes on to wait.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], None],
        every_s: float,
        *,
        pauses_s: tuple[float, float],
        told: tuple[str, str],
    ) -> None:
        """After looks that fail, pauses grow from the first of ``pauses_s`` to the second.

        ``told`` is what the log says when looks begin to fail, and when they succeed again.
        """
        self._look = look
        self._every_s = every_s
        self._pauses_s = pauses_s
        self._trouble = Interruption(*told)
        self._first = threading.Event()
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Return after the first look, or after ``FIRST_S``."""
        self.thread.start()
        self._first.wait(FIRST_S)

    def stop(self) -> None:
        """End the thread; leave it behind if it waits for a server that hangs."""
        self._stopping.set()
        self._wanted.set()
        if self.thread.is_alive():
            self.thread.join(STOP_S)

    def look_now(self) -> None:
        self._wanted.set()

    def _run(self) -> None:
        failed = 0
        while True:
            self._wanted.clear()
            if self._stopping.is_set():
                return
            failed = 0 if self._succeeds() else failed + 1
            self._first.set()
            self._wanted.wait(self._pause_s(failed) if failed else self._every_s)

    def _succeeds(self) -> bool:
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - whatever it is, requests go by what was found before
            self._trouble.begin(error)
            return False
        self._trouble.end()
        return True

    def _pause_s(self, failed: int) -> float:
        """Return a pause twice as long each time, less up to a half.

        So processes that failed together do not ask together.
        """
        shortest, longest = self._pauses_s
        return min(longest, shortest * 2.0 ** min(failed - 1, 16)) * random.uniform(0.5, 1)  # noqa: S311
