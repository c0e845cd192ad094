"""Group commit: one trip over the wire for what many threads want at the same time.

The first caller becomes the leader. It takes every queued item, up to a limit, does the work for
all of them in one call, and makes one of the threads that queued meanwhile the next leader. So
there is no background thread and no artificial delay: a batch is whatever arrived while the one
before it was in flight, and a lone caller pays nothing. One batch is under way at a time: a second
beside it would halve both, and what a batch costs hardly depends on its size.

Why no item is forgotten: a caller queues its item only while there is a leader, and a leader gives
the lead up only when it finds the queue empty. Both happen under one lock. So a queued item always
has a leader that will come to it. The timeouts of ``work`` bound each of its calls, and so they
bound the wait of every caller.

The leader calls ``afterwards``, for work that nobody needs to wait for, when it has let the others
go and passed the lead on. Only the leader's own caller waits for it.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Turn(Generic[Item, Result]):
    """One caller's item, and the lock that it waits on until it is served or has to lead."""

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

    One call is under way at a time, with at most ``limit`` items.

    ``work`` takes a list and returns one entry per item, in order; an entry that is an exception is
    raised to that item's caller alone. If ``work`` itself raises with several items, ``shared``
    says whether the error is everybody's (the server is away); otherwise each item is tried alone,
    so that one that cannot even be sent fails alone.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        limit: int = 256,
        shared: Callable[[Exception], bool] = lambda _: True,
        afterwards: Callable[[list[tuple[Item, Result]]], None] = lambda _: None,
    ) -> None:
        """``afterwards`` gets the items of each batch that went well, with their results."""
        self._work = work
        self._limit = limit
        self._led = False
        self._shared = shared
        self._afterwards = afterwards
        self._waiting: deque[_Turn[Item, Result]] = deque()
        self._lock = threading.Lock()

    def __call__(self, item: Item) -> Result:
        turn: _Turn[Item, Result] = _Turn(item)
        with self._lock:
            lead = not self._led
            self._led = True
            if not lead:
                self._waiting.append(turn)
        if not lead:
            turn.called.acquire()  # by a leader, whose work is bounded
            lead = turn.leads
        if lead:
            self._lead(turn)
        if turn.error is not None:
            raise turn.error
        return turn.result

    def _lead(self, turn: _Turn[Item, Result]) -> None:
        """Serve this caller and the first in the queue, and pass the lead on."""
        with self._lock:
            others = min(self._limit - 1, len(self._waiting))
            batch = [turn, *(self._waiting.popleft() for _ in range(others))]
        try:
            self._serve(batch)
        finally:
            with self._lock:
                heir = self._waiting.popleft() if self._waiting else None
                if heir is None:
                    self._led = False
                else:
                    heir.leads = True
            for served in batch[1:]:
                served.called.release()
            if heir is not None:
                heir.called.release()
        self._afterwards([(served.item, served.result) for served in batch if served.error is None])

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
