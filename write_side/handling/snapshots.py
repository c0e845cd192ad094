"""Loads the newest commits of streams and the states they left, with one query for all of them.

A process remembers the newest commit it has seen of a stream and asks the log only for newer ones:
mostly the answer is empty. It asks each time, also about streams that it remembers. So a snapshot
is as fresh as the log's settled state. The process remembers only what was settled, so that cannot
be taken back.

A state of another version comes from an older build, or from a newer one during a deploy. It is not
read: the events of its stream are folded again, once in each process.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from bus.log.commit import Commit
from bus.log.log import Log
from write_side.domain.aggregates import aggregate_of, fold

REMEMBERED = 20_000
"""The number of streams remembered, about 2 kB each."""

Key = tuple[int, str]
"""A partition and a stream."""


@dataclass(frozen=True)  # no slots: the state is read once, when it is asked for
class Snapshot:
    """A stream's newest commit; ``error`` says why its state cannot be had."""

    commit: Commit
    error: Exception | None = None

    @classmethod
    def of(cls, commit: Commit, state: Any) -> Self:
        """Return a snapshot whose state need not be read."""
        snapshot = cls(commit)
        snapshot.__dict__["state"] = state  # where the cached property keeps it
        return snapshot

    @property
    def version(self) -> int:
        return self.commit.version or 0

    @cached_property
    def state(self) -> Any:
        """The aggregate after the commit.

        Raises:
            pydantic.ValidationError: this build cannot read it.
            Exception: it is of another version, and folding its stream's events raised this.

        """
        if self.error is not None:
            raise self.error
        return aggregate_of(str(self.commit.stream)).state.from_stored(self.commit.state)


class Snapshots:
    """The streams as one process knows them; not for several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Snapshot] = OrderedDict()

    def load(self, log: Log, keys: Iterable[Key]) -> dict[Key, Snapshot]:
        """Return the newest commits of the streams that have any, as new as the ``log``'s view."""
        wanted = set(keys)
        known = {key: self._known[key] for key in wanted if key in self._known}
        newer = log.newer({key: known[key].version if key in known else 0 for key in wanted})
        newest = {**known, **{key: _snapshot(log, commit) for key, commit in newer.items()}}
        for key, snapshot in newest.items():
            self.remember(key, snapshot)
        return newest

    def remember(self, key: Key, snapshot: Snapshot) -> None:
        """Keep a settled snapshot: the log has acknowledged it, or shown it by a settled read."""
        before = self._known.get(key)
        if before is None or before.version <= snapshot.version:
            self._known[key] = snapshot
            self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _snapshot(log: Log, commit: Commit) -> Snapshot:
    aggregate = aggregate_of(str(commit.stream))
    if (commit.state_v or 1) == aggregate.state.schema_version:
        return Snapshot(commit)
    history = log.history(commit.partition, str(commit.stream))
    try:
        events = [one.event for each in history if _until(each, commit) for one in each.recorded()]
        return Snapshot.of(commit, fold(aggregate, None, events))
    except Exception as error:  # noqa: BLE001 - it is this stream's, and harms no other
        return Snapshot(commit, error)


def _until(one: Commit, newest: Commit) -> bool:
    return (one.version or 0) <= (newest.version or 0)
