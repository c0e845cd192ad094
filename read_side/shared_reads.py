"""The newest commits of each partition, read once for all the read models of a process.

Under load every read model is near the head of the log, at almost the same place. What one of them has read
is kept for a while, so that the others neither ask the database for it nor read its events again.

Why that is the log: what a reader has been given is contiguous and settled, so it never changes. Kept is one
stretch without a gap, which grows only by what follows it. Who is elsewhere, or at its end, asks the log.

What is read at once and what is kept are bounded in commits and in bytes. Wide commits that are more bytes
than are kept are read by each model for itself.
"""

import threading
from collections import defaultdict

from bus.commit import Commit
from bus.log import Log
from bus.log_view import Stretch

KEPT = 1_000
"""Commits per partition; one with its events read is some 8 kB."""
STRETCH_BYTES = 4 * 2**20
"""Of commits as stored that are read at once; reached by 80 orders of 200 lines. With what else comes in the
same answer of MongoDB they are 20 MB at most."""
KEPT_BYTES = 4 * 2**20
"""Of commits as stored, per partition; some eight times that in Python."""


class _Kept:
    """One partition's stretch: contiguous commits, oldest first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.commits: list[Commit] = []
        self._sizes: list[int] = []
        """Of each commit, the average of those it was read with."""

    def after(self, position: int, limit: int) -> tuple[Commit, ...]:
        if not self.commits or not self.commits[0].seq <= position + 1 <= self.commits[-1].seq:
            return ()
        place = position + 1 - self.commits[0].seq
        return tuple(self.commits[place : place + limit])

    def keep(self, stretch: Stretch) -> None:
        found = stretch.commits
        if not found or (self.commits and found[0].seq <= self.commits[-1].seq):
            return  # what was read is behind what is kept: somebody catches up
        if self.commits and found[0].seq != self.commits[-1].seq + 1:
            self._drop(len(self.commits))
        self.commits += found
        self._sizes += [stretch.size // len(found)] * len(found)
        if len(self.commits) > KEPT or sum(self._sizes) > KEPT_BYTES:
            self._drop(self._surplus())

    def _surplus(self) -> int:
        """How many of the oldest are too much; half is kept, so that it is not at every read."""
        fit, size = 0, 0
        for each in reversed(self._sizes):
            size += each
            if fit == KEPT // 2 or size > KEPT_BYTES // 2:
                break
            fit += 1
        return len(self.commits) - fit

    def _drop(self, commits: int) -> None:
        del self.commits[:commits], self._sizes[:commits]


class SharedReads:
    """Reads a log for the read models of one process. Safe for threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kept: defaultdict[int, _Kept] = defaultdict(_Kept)

    def read(self, partition: int, after: int, limit: int) -> Stretch:
        """As ``Log.read_within``, except that of what is kept it may give less than there is."""
        kept = self._kept[partition]
        with (
            kept.lock
        ):  # who comes while another one asks for the same finds the answer; every call is bounded
            if commits := kept.after(after, limit):
                return Stretch(commits, ())
            stretch = self._log.read_within(partition, after, limit, STRETCH_BYTES)
            kept.keep(stretch)
            return stretch
