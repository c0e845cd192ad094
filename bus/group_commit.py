"""Group commit: what many threads want at the same time goes over the wire once.

The first thread to arrive leads: it takes everything that has queued up, does the work for all, and hands
the lead to one of those that came meanwhile. So there is no background thread and no artificial delay: a
batch is whatever arrived while the one before it was in flight, and a lone caller pays nothing.

Why nobody is forgotten: an item is queued and the lead is taken or left under one lock. A leader gives the
lead away, or finds the queue empty and lays it down, under that same lock; so a queued item always has a
leader that will see it. Every call to ``work`` is bounded by its own timeouts, and so is everybody's wait.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Turn(Generic[Item, Result]):
    """One caller's item, and the lock it waits on: released when it is served, or is to lead."""

    __slots__ = ("called", "error", "item", "leads", "result")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.leads = False
        self.result: Result
        self.error: BaseException | None = None
        self.called = threading.Lock()
        self.called.acquire()


class GroupCommit(Generic[Item, Result]):
    """Calls ``work`` with what came together; each caller gets its own result, or its own error.

    ``work`` takes a list and returns one entry per item, in order; an entry that is an exception is raised to
    that item's caller alone. If ``work`` itself raises with several items, ``shared`` says whether the
    error is everybody's (the server is away); otherwise each item is tried alone, so that one that cannot
    even be sent fails alone.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        limit: int = 256,
        shared: Callable[[Exception], bool] = lambda _: True,
    ) -> None:
        self._work = work
        self._limit = limit
        self._shared = shared
        self._waiting: deque[_Turn[Item, Result]] = deque()
        self._led = False
        self._lock = threading.Lock()

    def __call__(self, item: Item) -> Result:
        turn: _Turn[Item, Result] = _Turn(item)
        with self._lock:
            self._waiting.append(turn)
            lead = not self._led
            self._led = True
        if not lead:
            turn.called.acquire()  # by a leader, whose work is bounded
            lead = turn.leads
        if lead:
            self._lead()
        if turn.error is not None:
            raise turn.error
        return turn.result

    def _lead(self) -> None:
        """Serve the first ``limit`` in the queue, the leader among them, and pass the lead on."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        try:
            self._serve(batch)
        finally:
            with self._lock:
                self._led = bool(self._waiting)
                heir = self._waiting[0] if self._led else None
                if heir is not None:
                    heir.leads = True
            for turn in batch:
                turn.called.release()
            if heir is not None:
                heir.called.release()

    def _serve(self, batch: list[_Turn[Item, Result]]) -> None:
        try:
            results = self._work([turn.item for turn in batch])
        except Exception as error:  # noqa: BLE001 - it is raised again, to each caller
            if len(batch) == 1 or self._shared(error):
                for turn in batch:
                    turn.error = error
            else:
                for turn in batch:
                    self._serve([turn])
            return
        except BaseException as error:
            for turn in batch:
                turn.error = error
            raise
        for turn, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                turn.error = result
            else:
                turn.result = result
