"""Repairs the order of the log: moves a commit that stands below a commit that it depends on.

Builds before 0.1.0 could place commits so, when a claim of positions was lost with a primary. Then
a later version of a stream stands below an earlier one, or an order below its customer, and every
read model folds them in that order. The audit of the log finds such commits. The repair exchanges
their positions among themselves, and changes nothing else of them. Read models have to be rebuilt
afterwards. Those who follow the feed have seen the events in the old order.

The new order is the old one with each commit moved behind the commits that it depends on. Commits
only exchange positions, so no position becomes free and no unused one is taken.

The repair may be killed at any moment and begun again: it keeps the moves in the ``log`` collection
before it makes the first one. Two commits cannot stand at one position. So each commit goes to its
new position by way of the same position below zero, where no reader looks. Meanwhile there are
gaps, which a projector would close. So nothing is moved while a process that decides or projects is
alive, and none starts until the moves are done (``Log.create``).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from heapq import heapify, heappop, heappush

from pymongo.collection import Collection
from pymongo.database import Database

from bus.connections.clients import DURABLE, StoredDocument
from bus.errors import RefusedError
from bus.log.commit import Commit
from bus.log.log import REPAIR
from bus.observability.heartbeats import alive
from write_side.audit import audited, facts_of

MUST_BE_STOPPED = ("commands", "projections")


@dataclass(frozen=True, slots=True)
class Move:
    """A commit that is to stand at another position of its partition."""

    partition: int
    stream: str
    version: int
    seq: int
    to: int


class Repair:
    """The repair of one log."""

    def __init__(self, database: Database[StoredDocument], partitions: int) -> None:
        self._database = database
        self._partitions = partitions
        self._commits = database.get_collection("commits", write_concern=DURABLE)
        self._kept = database.get_collection("log", write_concern=DURABLE)

    def moves(self) -> list[Move]:
        """Return the moves of a repair that has begun, else those that the audit asks for."""
        return self.begun() or [
            move for partition in range(self._partitions) for move in self._found(partition)
        ]

    def begun(self) -> list[Move]:
        """Return the moves of a repair that has begun and not ended."""
        kept = self._kept.find_one({"_id": REPAIR})
        return [Move(**move) for move in kept["moves"]] if kept else []

    def carry_out(self, moves: Iterable[Move]) -> None:
        """Make the moves.

        Raises:
            RefusedError: a process that decides or projects is alive.

        """
        living = [kind for kind, count in alive(self._database).items() if count and kind in MUST_BE_STOPPED]
        if living:
            raise RefusedError(f"stop these processes first, and wait for 10 s: {', '.join(sorted(living))}")
        plan = {"moves": [asdict(move) for move in moves]}
        self._kept.update_one({"_id": REPAIR}, {"$setOnInsert": plan}, upsert=True)
        planned = self.begun()  # another one's, should it have begun just before
        for move in planned:
            where = {"partition": move.partition, "stream": move.stream, "version": move.version}
            self._commits.update_one({**where, "seq": move.seq}, {"$set": {"seq": -move.to}})
        for move in planned:
            place = {"partition": move.partition, "seq": move.to}
            self._commits.delete_one({**place, "command_id": {"$exists": False}})  # a tombstone
            where = {"partition": move.partition, "stream": move.stream, "version": move.version}
            self._commits.update_one({**where, "seq": -move.to}, {"$set": {"seq": move.to}})
        self._kept.delete_one({"_id": REPAIR})

    def _found(self, partition: int) -> Iterator[Move]:
        concerned = {
            one.stream
            for one in audited(self._database, self._partitions, within=partition)
            if any(difference.field == "seq" for difference in one.differences)
        }
        commits = _commits_of(self._commits, partition, concerned)
        facts = frozenset().union(*(facts_of(commit) for commit in commits)) - concerned
        commits += _commits_of(self._commits, partition, facts)
        ordered = in_order(commits)
        for commit, seq in zip(ordered, sorted(commit.seq for commit in commits), strict=True):
            if commit.seq != seq:
                yield Move(partition, str(commit.stream), commit.version or 0, commit.seq, seq)


def _commits_of(commits: Collection[StoredDocument], partition: int, streams: Iterable[str]) -> list[Commit]:
    found = commits.find({"partition": partition, "stream": {"$in": sorted(streams)}})
    return [Commit.from_stored(stored) for stored in found]


def in_order(commits: Iterable[Commit]) -> list[Commit]:
    """Return commits by position, each behind its stream's earlier versions and its facts."""
    places = {(str(commit.stream), commit.version or 0): commit for commit in commits}
    behind: defaultdict[tuple[str, int], list[Commit]] = defaultdict(list)
    waits_for: dict[tuple[str, int], int] = {}
    for key, commit in places.items():
        needed = [one for one in _rests_on(commit) if one in places]
        waits_for[key] = len(needed)
        for one in needed:
            behind[one].append(commit)
    ready = [(commit.seq, key) for key, commit in places.items() if not waits_for[key]]
    heapify(ready)
    ordered = []
    while ready:
        _, key = heappop(ready)
        ordered.append(places[key])
        _release(behind[key], waits_for, ready)
    return ordered


def _rests_on(commit: Commit) -> list[tuple[str, int]]:
    version = commit.version or 0
    earlier = [(str(commit.stream), version - 1)] if version > 1 else []
    return earlier + [(fact, 1) for fact in facts_of(commit)]


def _release(
    waiting: Iterable[Commit],
    waits_for: dict[tuple[str, int], int],
    ready: list[tuple[int, tuple[str, int]]],
) -> None:
    for commit in waiting:
        key = (str(commit.stream), commit.version or 0)
        waits_for[key] -= 1
        if not waits_for[key]:
            heappush(ready, (commit.seq, key))
