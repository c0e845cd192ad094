"""Finds the place in the inbox's order up to which commands are overdue, whatever the clocks do.

The inbox's order is ``accepted_ts``, which mongod fills in from its cluster time: a logical clock
that follows the wall clock and never goes back. If a fast wall clock is put right, the logical
clock stands almost still, ahead of the wall clock, for as long as the wall clock was ahead. During
that time the difference of the two is no age. So there are two rules, and a command is overdue if
either of them says so:

- *By the clock of mongod*: the command was accepted before mongod's time less ``SWEEP_AFTER_MS``.
  This rule holds at once after a start, however old the commands are.
- *By the order alone*: a look at least ``SWEEP_AFTER_MS`` ago, on this process's monotonic clock,
  found an unfinished command there or beyond. This rule uses only the order of stamps, and no wall
  clock.

So a clock that was put right delays a rescue by ``SWEEP_AFTER_MS`` and a sixteenth of that time
(``MARKS`` is 16), even if this process is started then. A clock that jumps forward makes commands
overdue early, each once. That changes nothing, since the sweep enqueues only what is not on the
queue.
"""

import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from bson import Timestamp
from pymongo.database import Database

from bus.connections.clients import CODEC, StoredDocument
from bus.inbox.inbox import BEFORE_ALL, Inbox

MARKS = 16
"""The most places that are remembered.

So places are remembered a sixteenth of ``SWEEP_AFTER_MS`` apart, and the second rule may wait
longer by that much.
"""


class Overdue:
    """Tells the overdue place at each look. One thread calls it."""

    def __init__(
        self,
        database: Database[StoredDocument],
        inbox: Inbox,
        after_ms: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._after = timedelta(milliseconds=after_ms)
        self._monotonic = monotonic
        self._marks: deque[tuple[float, Timestamp]] = deque()
        """The times at which places were seen, each with its place: rising."""
        self._passed = BEFORE_ALL
        """The last place that was seen long enough ago."""

    def __call__(self) -> Timestamp:
        """Return the place up to which the unfinished commands are overdue."""
        theirs = self._database.command("hello", codec_options=CODEC)["localTime"]
        return max(Timestamp(theirs - self._after, 0), self._by_the_order())

    def _by_the_order(self) -> Timestamp:
        newest = self._inbox.newest_unfinished()
        now, after_s = self._monotonic(), self._after.total_seconds()
        if newest is not None and (not self._marks or now - self._marks[-1][0] >= after_s / MARKS):
            self._marks.append((now, newest))
        while self._marks and now - self._marks[0][0] >= after_s:
            self._passed = self._marks.popleft()[1]
        return self._passed
