"""An event that an announcement sets: a waiter waits for it in a thread, or is called back.

Why no announcement is lost: a lock lets only one of setting it and asking to be called happen at a
time. So a waiter that asks is called at once if the event is set already, and otherwise when it is
set. A waiter clears the event before it looks at the database. What is announced during the look
sets it again, and the next wait ends at once.
"""

import threading
from collections.abc import Callable


def _always() -> bool:
    return True


class Wakeup(threading.Event):
    """An event of one waiter that can also call back."""

    def __init__(self, is_worth_it: Callable[[], bool] = _always) -> None:
        """``is_worth_it`` says, once an announcement is known, whether the waiter should look."""
        super().__init__()
        self.is_worth_it = is_worth_it
        self._calling = threading.Lock()
        self._call: Callable[[], None] | None = None

    def set(self) -> None:
        """Wake the waiter; the callback runs in this thread, so it must be quick."""
        with self._calling:
            super().set()
            call, self._call = self._call, None
        if call is not None:
            call()

    def when_set(self, call: Callable[[], None]) -> None:
        """Run ``call`` once: now if the event is set, else when it is; replace an earlier one."""
        with self._calling:
            if not self.is_set():
                self._call = call
                return
        call()
