"""Threads that take turns: exactly one runs at a time, and who is next is chosen from outside.

So an interleaving is a list of choices, which can be drawn, repeated and shrunk. A thread gives up its turn
where it calls ``pause``; there it may also be told to die, as a process does that is killed.
"""

import threading
from collections.abc import Callable

PATIENCE_S = 30


class Killed(BaseException):
    """What a killed thread raises where it paused; nothing handles it but the thread's end."""


class Player:
    """One thread, and whose turn it is. It dies by itself after ``lifetime`` turns, if one is given."""

    def __init__(self, work: Callable[["Player"], None], lifetime: int | None = None) -> None:
        self.done = False
        self._error: BaseException | None = None
        self._turns_left = lifetime
        self._mine = threading.Semaphore(0)
        self._others = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Let it run to its next pause, or to its end; raise what it raised."""
        if self.done:
            return
        self._mine.release()
        if not self._others.acquire(timeout=PATIENCE_S):
            raise TimeoutError("it neither paused nor ended")
        if self._error is not None:
            raise self._error

    def kill(self) -> None:
        """Let it die where it pauses."""
        self._turns_left = 0
        self.go_on()

    def pause(self) -> None:
        """Give the turn away and wait for the next; called by the thread itself."""
        self._others.release()
        self._wait()

    def _wait(self) -> None:
        self._mine.acquire()
        if self._turns_left is not None:
            if self._turns_left == 0:
                raise Killed
            self._turns_left -= 1

    def _run(self, work: Callable[["Player"], None]) -> None:
        try:
            self._wait()
            work(self)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again where the turns are given
            self._error = error
        finally:
            self.done = True
            self._others.release()
