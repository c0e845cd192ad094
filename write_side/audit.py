"""The audit of the log: checks that each commit follows from the commits before it.

It reads each stream from its first commit, in the order of versions, and folds its events again.
The ``state`` of every commit must be the fold of the events up to it. Versions must be 1, 2, 3 and
so on. Later versions must stand at later positions, and all of them in the stream's partition. An
order must stand above the customer and the products that it was decided with, where they are in its
partition. Streams come one after the other out of the index of the optimistic lock, so few are in
memory at a time. Nothing has to stand still: a commit that is appended meanwhile is audited or not.

With ``sample``, the audit draws that many commits by lot and looks only at their streams. It draws
long streams more often.

The audit does not compare a state of another version, it only folds the events. Nothing is decided
on such a state: the write side folds the events again for that too. Within a version, a field that
this build does not know is a difference.

The audit reads the collection itself, not through ``Log``, because it must see what is there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import bson
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from bus.connections.clients import CODEC, StoredDocument
from bus.log.commit import Commit
from bus.messages.orders import OrderPlaced
from bus.messages.streams import customer_stream, partition_of, product_stream
from write_side.domain.aggregates import aggregate_of, fold

CHUNK = 500
"""The number of streams whose facts are looked up in one query."""


@dataclass(frozen=True, slots=True)
class CommitDifference:
    """A value in a commit that does not follow from the commits before it.

    ``field`` is a field of the state (``state.name``) or of the commit. If events cannot be folded,
    ``field`` is ``events`` and ``found`` is the error; the audit does not look at the states after
    it.
    """

    stream: str
    version: int
    field: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class AuditedStream:
    """The result of auditing one stream."""

    stream: str
    commits: int
    differences: tuple[CommitDifference, ...]


def audit(
    database: Database[StoredDocument], partitions: int, *, sample: int | None = None
) -> list[CommitDifference]:
    """Return all differences in the log: the values that do not follow from the commits before."""
    return [difference for one in audited(database, partitions, sample) for difference in one.differences]


def audited(
    database: Database[StoredDocument], partitions: int, sample: int | None = None, within: int | None = None
) -> Iterator[AuditedStream]:
    """Yield the audit of each stream, in all partitions or ``within`` one."""
    commits = database.get_collection("commits", read_concern=ReadConcern("majority"))
    where: dict[str, Any] = {"$exists": True}
    if sample is not None:
        where = {"$in": _drawn(commits, sample)}
    for partition in range(partitions) if within is None else (within,):
        ordered = commits.find({"partition": partition, "stream": where}).sort(["stream", "version"])
        history = (Commit.from_stored(stored) for stored in ordered.hint("optimistic_lock"))
        streams = _streams(history, partitions)
        while some := list(islice(streams, CHUNK)):
            begins = _beginnings(commits, partition, {fact for one in some for fact in one.facts})
            for one in some:
                one.stands_above(begins)
                yield AuditedStream(one.stream, one.commits, tuple(one.differences))


def _streams(history: Iterator[Commit], partitions: int) -> Iterator["_StreamAudit"]:
    for stream, of_stream in groupby(history, key=lambda commit: str(commit.stream)):
        one = _StreamAudit(stream, partition_of(stream, partitions))
        for commit in of_stream:
            one.look_at(commit)
        yield one


def _beginnings(
    commits: Collection[StoredDocument], partition: int, streams: Iterable[str]
) -> dict[str, int]:
    """Return, for each of the streams that is in a partition, the position of its first commit."""
    where = {"partition": partition, "stream": {"$in": sorted(streams)}, "version": 1}
    return {stored["stream"]: stored["seq"] for stored in commits.find(where, {"stream": True, "seq": True})}


def facts_of(commit: Commit) -> frozenset[str]:
    """Return the other streams that a commit was decided with; none if it cannot be read."""
    try:
        placed = [one.event for one in commit.recorded() if isinstance(one.event, OrderPlaced)]
    except Exception:  # noqa: BLE001 - it is reported where its events are folded
        return frozenset()
    customers = {customer_stream(event.customer_id) for event in placed if event.customer_id is not None}
    return frozenset(customers.union(product_stream(line.product_id) for e in placed for line in e.lines))


def _drawn(commits: Collection[StoredDocument], sample: int) -> list[str]:
    drawn = commits.aggregate([{"$sample": {"size": sample}}, {"$project": {"stream": True}}])
    return sorted({stored["stream"] for stored in drawn if "stream" in stored})


class _StreamAudit:
    """The audit of one stream, which looks at its commits in the order of their versions."""

    def __init__(self, stream: str, partition: int) -> None:
        self.stream = stream
        self._partition = partition
        self.commits = 0
        self._version = 0
        self._seq = 0
        self._state: Any = None
        self._broken = False
        self._first: Commit | None = None
        self.facts: frozenset[str] = frozenset()
        self.differences: list[CommitDifference] = []

    def look_at(self, commit: Commit) -> None:
        self.commits += 1
        if self._first is None:
            self._first, self.facts = commit, facts_of(commit)
        self._expect("version", self._version + 1, commit.version, commit)
        self._expect("partition", self._partition, commit.partition, commit)
        self._expect("seq", f"above {self._seq}", commit.seq, commit, lambda seq: seq > self._seq)
        self._version, self._seq = commit.version or self._version, commit.seq
        if not self._broken:
            self._fold(commit)

    def stands_above(self, begins: Mapping[str, int]) -> None:
        """Check that the first commit stands above the beginnings of the streams in ``facts``."""
        for fact in sorted(self.facts & begins.keys()):
            if self._first is not None and self._first.seq < begins[fact]:
                expected = f"above {begins[fact]}, where {fact} begins"
                self._expect("seq", expected, self._first.seq, self._first)

    def _fold(self, commit: Commit) -> None:
        try:
            events = [recorded.event for recorded in commit.recorded()]
            self._state = fold(aggregate_of(self.stream), self._state, events)
        except Exception as error:  # noqa: BLE001 - a fold may raise anything, and it is reported
            self._broken = True
            self._expect("events", "foldable", repr(error), commit)
            return
        if self._state is not None and (commit.state_v or 1) != type(self._state).schema_version:
            return
        expected = _as_stored(self._state.model_dump()) if self._state else {}
        found: Mapping[str, Any] = commit.state or {}
        for field in sorted(expected.keys() | found.keys()):
            self._expect(f"state.{field}", expected.get(field), found.get(field), commit)

    def _expect(
        self,
        field: str,
        expected: Any,
        found: Any,
        commit: Commit,
        is_right: Callable[[Any], bool] | None = None,
    ) -> None:
        if not (is_right(found) if is_right else found == expected):
            self.differences.append(
                CommitDifference(self.stream, commit.version or 0, field, expected, found)
            )


def _as_stored(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state as BSON keeps it, with lists for tuples."""
    return bson.decode(bson.encode(state), CODEC)
