"""Reads the end of the log, and what comes after it, as far as an operator asks for it.

It shows commits and refusals. The log has an order within each partition only. Commits of several
partitions are shown in the order of acceptance, but never against a partition's own order.
Positions that were closed unused are left out.

A command is found by index. Other commits are found by reading partitions backwards until there is
enough; if a stream is asked for, only its partition is read. That takes about a second for a
million commits that do not match.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from pymongo import DESCENDING
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.streams import partition_of

WINDOW = 1_000
"""The number of positions below the head that are searched for gaps, so that a commit that was only
slow is followed, not missed."""
PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter for commits; a field that is ``None`` matches any. ``event`` is an event's type."""

    stream: str | None = None
    event: str | None = None
    command: str | None = None
    correlation: str | None = None
    partition: int | None = None

    def query(self) -> dict[str, Any]:
        """Return the filter for MongoDB, without the partition.

        A refusal has its stream in its outcome.
        """
        where: dict[str, Any] = {"command_id": self.command or {"$exists": True}}
        if self.stream:
            where["$or"] = [{"stream": self.stream}, {"outcome.stream": self.stream}]
        if self.event:
            where["events.type"] = self.event
        if self.correlation:
            where["correlation_id"] = self.correlation
        return where

    def takes(self, commit: Commit) -> bool:
        """Return True if the query would find the commit."""
        return (
            commit.command_id is not None
            and self.command in {None, commit.command_id}
            and self.stream in {None, stream_of(commit)}
            and (self.event is None or any(event.get("type") == self.event for event in commit.events))
            and self.correlation in {None, commit.correlation_id}
        )

    def partitions(self, count: int) -> Sequence[int]:
        """Return the partitions to look in."""
        wanted = range(count) if self.partition is None else (self.partition,)
        if self.stream is None:
            return wanted
        return [partition for partition in wanted if partition == partition_of(self.stream, count)]


def stream_of(commit: Commit) -> str | None:
    """Return the stream that a commit or a refusal is about."""
    outcome: Mapping[str, Any] = commit.outcome or {}
    return commit.stream or outcome.get("stream")


class Tail:
    """The wanted part of one log."""

    def __init__(self, database: Database[StoredDocument], log: Log, wanted: Wanted) -> None:
        self._commits = database.get_collection("commits", read_concern=ReadConcern("majority"))
        self._log = log
        self._wanted = wanted
        self._ends = {partition: self._end(partition) for partition in wanted.partitions(log.partitions)}

    def _end(self, partition: int) -> int:
        """Return the last position that has nothing missing below it, as far as the window goes."""
        after = max(0, self._log.head(partition) - WINDOW)
        commits = self._log.read(partition, after, WINDOW, state=False).commits
        return commits[-1].seq if commits else after

    def newest(self, limit: int) -> list[Commit]:
        """Return the newest as of the making of this tail, at most ``limit``, oldest first."""
        ordered = _in_order([self._of_partition(partition, limit) for partition in self._ends])
        return list(ordered)[-limit:]

    def _of_partition(self, partition: int, limit: int) -> list[Commit]:
        where = {"partition": partition, "seq": {"$lte": self._ends[partition]}, **self._wanted.query()}
        found = self._commits.find(where, {"_id": False, "state": False})
        return [Commit.from_stored(s) for s in found.sort("seq", DESCENDING).limit(limit)][::-1]

    def news(self) -> list[Commit]:
        """Return what came since the last call or the making; wait for gaps as a projector does."""
        return list(_in_order([self._since(partition) for partition in self._ends]))

    def _since(self, partition: int) -> list[Commit]:
        commits = self._log.read(partition, self._ends[partition], PAGE, state=False).commits
        if commits:
            self._ends[partition] = commits[-1].seq
        return [commit for commit in commits if self._wanted.takes(commit)]


def _in_order(partitions: Sequence[Sequence[Commit]]) -> Iterator[Commit]:
    """Merge by acceptance; each partition keeps its own order, whatever its times are."""
    return merge(*partitions, key=lambda commit: (commit.at, commit.partition))
