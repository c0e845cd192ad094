"""The queue between a worker's consumers and its threads; closing it ends the threads' waiting.

Dramatiq's threads look every ``worker_timeout`` whether they should stop. With a hundred threads
that is the most that an idle process does. In this queue they wait until there is work, or until it
is closed.
"""

from queue import Empty, PriorityQueue
from typing import Any


class WorkQueue(PriorityQueue[Any]):
    """A ``PriorityQueue`` that can be closed.

    When it is closed, ``get`` raises ``Empty`` at once when nothing is there.
    """

    closed = False

    def close(self) -> None:
        """Close the queue and wake every waiting thread."""
        with self.not_empty:
            self.closed = True
            self.not_empty.notify_all()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        """Return the next item.

        Raises ``Empty`` if none comes within ``timeout`` seconds, or at once if the queue is
        closed.
        """
        with self.not_empty:
            if block:
                self.not_empty.wait_for(lambda: self._qsize() or self.closed, timeout)
            if not self._qsize():
                raise Empty
            item = self._get()
            self.not_full.notify()
            return item
