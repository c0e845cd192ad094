"""The newest commits of each partition, read once for all the read models of a process.

Under load every read model is near the head of the log, at almost the same place. What one of them has read
is kept for a while, so that the others neither ask the database for it nor read its events again.

Why that is the log: what a reader has been given is contiguous and settled, so it never changes. Kept is one
stretch without a gap, which grows only by what follows it. Who is elsewhere, or at its end, asks the log.
"""

import threading
from collections import defaultdict

from bus.commit import Commit
from bus.log import Log
from bus.log_view import Stretch

KEPT = 1_000
"""Commits per partition; one with its events read is some 8 kB."""


class _Kept:
    """One partition's stretch: contiguous commits, oldest first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.commits: list[Commit] = []

    def after(self, position: int, limit: int) -> tuple[Commit, ...]:
        if not self.commits or not self.commits[0].seq <= position + 1 <= self.commits[-1].seq:
            return ()
        place = position + 1 - self.commits[0].seq
        return tuple(self.commits[place : place + limit])

    def keep(self, found: tuple[Commit, ...]) -> None:
        if not found or (self.commits and found[0].seq <= self.commits[-1].seq):
            return  # what was read is behind what is kept: somebody catches up
        if self.commits and found[0].seq != self.commits[-1].seq + 1:
            self.commits = []
        self.commits += found
        if len(self.commits) > KEPT:
            del self.commits[: len(self.commits) - KEPT // 2]


class SharedReads:
    """Reads a log for the read models of one process. Safe for threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kept: defaultdict[int, _Kept] = defaultdict(_Kept)

    def read(self, partition: int, after: int, limit: int) -> Stretch:
        """As ``Log.read`` without states, except that of what is kept it may give less than there is."""
        kept = self._kept[partition]
        with (
            kept.lock
        ):  # who comes while another one asks for the same finds the answer; every call is bounded
            if commits := kept.after(after, limit):
                return Stretch(commits, ())
            stretch = self._log.read(partition, after, limit, state=False)
            kept.keep(stretch.commits)
            return stretch
