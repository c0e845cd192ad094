"""A thread that stands still at a named point while others go on: a process that stalls, seen from outside.

The point is a method: the thread stops where it calls it, or where that call returns. Everybody else
passes. An interleaving is then told from top to bottom: who stands where, what happens meanwhile, who goes
on.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Generic, TypeVar
from unittest import mock

PATIENCE_S = 20
"""For a busy machine; nobody waits for it unless something is wrong."""

Result = TypeVar("Result")


class Stopped(Generic[Result]):
    """Work in a thread of its own, which stands at the point until ``go_on``."""

    def __init__(self, work: Callable[[], Result], at: int) -> None:
        self._work = work
        self._calls_left = at
        self._result: Future[Result] = Future()
        self._arrived = threading.Event()
        self._may_go = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def go_on(self) -> Result:
        """Let it run to its end; its result, or what it raised."""
        self._may_go.set()
        return self._result.result(PATIENCE_S)

    def start(self) -> None:
        """Return when it stands at the point; raises if it comes to its end instead."""
        self._thread.start()
        if not self._arrived.wait(PATIENCE_S):
            raise TimeoutError("it neither came to the point nor ended")
        if self._result.done():
            raise RuntimeError(f"it never came to the point: {self._result!r}") from self._result.exception()

    def end(self) -> None:
        self._may_go.set()
        self._thread.join(PATIENCE_S)

    def stand_still(self) -> None:
        """At the point, once; for every thread but its own it is nothing."""
        if threading.current_thread() is not self._thread:
            return
        self._calls_left -= 1
        if self._calls_left == 0:
            self._arrived.set()
            self._may_go.wait()  # however long the others take: ``end`` lets it go in any case

    def _run(self) -> None:
        try:
            self._result.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the thread is told to go on
            self._result.set_exception(error)
        finally:
            self._arrived.set()


@contextmanager
def stopped(
    owner: type, method: str, work: Callable[[], Result], *, after: bool = False, at: int = 1
) -> Iterator[Stopped[Result]]:
    """While the block runs, ``work`` stands before (or ``after``) its ``at``-th call of the method."""
    original = getattr(owner, method)
    standing = Stopped(work, at)

    def point(*args: Any, **options: Any) -> Any:
        if after:
            result = original(*args, **options)
            standing.stand_still()
            return result
        standing.stand_still()
        return original(*args, **options)

    with mock.patch.object(owner, method, point):
        try:
            standing.start()
            yield standing
        finally:
            standing.end()
