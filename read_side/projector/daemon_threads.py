"""Several calls at the same time, by threads that are there already.

This is not a ``ThreadPoolExecutor``, because Python waits for the threads of one at exit. A thread
that a server keeps waiting would keep the process from stopping in time.
"""

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, TypeVar

Result = TypeVar("Result")
Call = Callable[[], Result]


class _Called(Generic[Result]):
    """A call and its result or error."""

    def __init__(self, call: Call[Result]) -> None:
        self._call = call
        self._done = threading.Lock()
        self._done.acquire()
        self._error: BaseException | None = None
        self._result: Result

    def __call__(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised to whoever waits
            self._error = error
        finally:
            self._done.release()

    def result(self) -> Result:
        """Wait for the result; every call is bounded by its own timeouts."""
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._result


class DaemonThreads:
    """A few threads; they end with the process."""

    def __init__(self, threads: int) -> None:
        self._calls: SimpleQueue[_Called[object]] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"side {number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def __call__(self, calls: Sequence[Call[Result]]) -> list[Result]:
        """Return the results of calls, in order; the caller's own thread makes the first call."""
        if not self._threads:
            return [call() for call in calls]
        waiting = [_Called(call) for call in calls[1:]]
        for called in waiting:
            self._calls.put(called)  # type: ignore[arg-type]
        first = [call() for call in calls[:1]]
        return first + [called.result() for called in waiting]

    def _work(self) -> None:
        while True:
            self._calls.get()()
