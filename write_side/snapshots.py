"""The newest commit of any stream, with one query for all that is asked at the same time.

A process remembers the newest commit it has seen of a stream and asks the log only for what is newer: mostly
an empty answer. Nothing is taken from memory alone, so a snapshot is as fresh as the log's settled state; and
what is remembered was settled, so it cannot be taken back.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from bus.commit import Commit
from bus.log import Log

REMEMBERED = 20_000
"""Streams, about 1 kB each."""

Key = tuple[int, str]
"""A partition and a stream."""


class Snapshots:
    """The streams as one process knows them."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Commit] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, log: Log, groups: Sequence[Sequence[Key]]) -> list[list[Commit | None]]:
        """For each group of streams their newest commits, ``None`` for a stream that has none.

        They are as new as the view of the ``log`` is.
        """
        keys = {key for group in groups for key in group}
        with self._lock:
            known = {key: self._known[key] for key in keys if key in self._known}
        newer = log.newer({key: (known[key].version or 0) if key in known else 0 for key in keys})
        newest = {**known, **newer}
        self._remember(newest)
        return [[newest.get(key) for key in group] for group in groups]

    def _remember(self, newest: dict[Key, Commit]) -> None:
        with self._lock:
            for key, commit in newest.items():
                before = self._known.get(key)
                if before is None or (before.version or 0) <= (commit.version or 0):
                    self._known[key] = commit
                    self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
