"""The log: every decision ever made, one document each, in the ``commits`` collection.

A document's unique indexes make one insert the whole transaction: its position ``(partition, seq)``, the
optimistic lock ``(partition, stream, version)`` and idempotency ``(partition, command_id)``. A writer claims
positions from a counter *after* it has read the state that it builds on, so a later version never stands
at an earlier position. A position is used once: whoever gives one up closes it with a tombstone.

Why every reader sees the same sequence: a reader takes only the contiguous prefix, so what it has read is
complete; a hole is either filled by its slow owner or by a tombstone, and the unique index lets exactly one
of them in. The loser claims a new position, above everything it had read.

Claiming does not wait for the disk. MongoDB's journal and oplog keep the order of writes, so where a commit
survives, every claim up to its own does: positions that are given again after a crash have no commit. Two
writers may then be at the same one, and the unique index lets one in. What a writer has read survives, since
it reads what is settled; so what it appends stands above that also then.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from bson import decode_all
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from bus.commit import Commit, Decision
from bus.connections import CODEC, DUPLICATE_KEY, DURABLE, Documents
from bus.errors import AlreadyCommittedError, LogMismatchError, VersionConflictError

CLAIM_TRIES = 64
"""How often a slow writer may find its positions closed before something else must be wrong."""
RAW_BATCH = 250
"""Commits in a batch from MongoDB; of the largest orders, with 200 lines, they are 8 MB."""
INDEXES = (
    IndexModel([("partition", ASCENDING), ("seq", ASCENDING)], unique=True, name="position"),
    IndexModel(
        [("partition", ASCENDING), ("stream", ASCENDING), ("version", ASCENDING)],
        unique=True,
        name="optimistic_lock",
        partialFilterExpression={"stream": {"$exists": True}},
    ),
    IndexModel(
        [("partition", ASCENDING), ("command_id", ASCENDING)],
        unique=True,
        name="idempotency",
        partialFilterExpression={"command_id": {"$exists": True}},
    ),
    IndexModel(
        [("partition", ASCENDING), ("outcome.stream", ASCENDING), ("seq", ASCENDING)],
        name="without_effect",
        partialFilterExpression={"outcome.stream": {"$exists": True}},
    ),
)

_FOR_READERS = {"_id": False, "state": False}
"""Only the write side needs the ``state``."""

Appended = Commit | VersionConflictError | AlreadyCommittedError


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a reader may have: the contiguous commits, and the positions missing below others seen."""

    commits: tuple[Commit, ...]
    missing: tuple[int, ...]
    size: int = field(default=0, compare=False)
    """Bytes as stored, where they were counted (``Log.read_within``)."""


def _contiguous(commits: Iterable[Documents], after: int) -> Stretch:
    """Of stored commits those that follow a position without a gap, and what is missing beyond them."""
    found = {stored["seq"]: stored for stored in commits}
    contiguous = []
    expected = after + 1
    while expected in found:
        contiguous.append(Commit.from_stored(found[expected]))
        expected += 1
    last = max(found, default=after)
    return Stretch(tuple(contiguous), tuple(seq for seq in range(expected, last) if seq not in found))


def _upserted(collection: Collection[Documents], key: str | int, update: Documents) -> Documents:
    """Update one document, made if it is not there; return it as it is then."""
    updated = collection.find_one_and_update(
        {"_id": key}, update, upsert=True, return_document=ReturnDocument.AFTER
    )
    return cast("Documents", updated)


class Log:
    """The log in one write database, with a fixed number of partitions."""

    def __init__(self, database: Database[Documents], partitions: int) -> None:
        self.partitions = partitions
        self._facts_of_the_log = database.get_collection("log", write_concern=DURABLE)
        self._positions = database.get_collection("positions", write_concern=WriteConcern(w=1))
        self._commits = database.get_collection("commits", write_concern=DURABLE)
        self._settled = self._commits.with_options(read_concern=ReadConcern("majority"))

    def create(self) -> None:
        """Make the indexes and fix the number of partitions; idempotent, every process calls it at start.

        Raises:
            LogMismatchError: the log was created with another number of partitions.

        """
        fixed = _upserted(self._facts_of_the_log, "log", {"$setOnInsert": {"partitions": self.partitions}})
        if fixed["partitions"] != self.partitions:
            raise LogMismatchError(
                f"LOG_PARTITIONS is {self.partitions}, but the log was created with {fixed['partitions']}"
            )
        self._commits.create_indexes(list(INDEXES))

    def newest(self, partition: int, stream: str) -> Commit | None:
        """The newest commit of a stream, or ``None`` if it has none."""
        where = {"partition": partition, "stream": stream}
        stored = self._commits.find_one(where, sort=[("version", DESCENDING)])
        return Commit.from_stored(stored) if stored else None

    def newer(self, known: Mapping[tuple[int, str], int]) -> dict[tuple[int, str], Commit]:
        """The newest commits of streams that are newer than the versions known (0: none), in one query.

        Read with majority concern: a decision must not rest on facts that a failover could take back. The
        commits come without their events.
        """
        alike: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        for (partition, stream), version in known.items():
            alike[partition, version].append(stream)
        ranges = [  # few of them, since each is planned by itself: most streams are new or at version 1
            {"partition": partition, "stream": {"$in": streams}, "version": {"$gt": version}}
            for (partition, version), streams in alike.items()
        ]
        newest: dict[tuple[int, str], Commit] = {}
        for stored in self._settled.find({"$or": ranges}, {"_id": False, "events": False}) if ranges else ():
            commit = Commit.from_stored(stored)
            key = (commit.partition, stored["stream"])
            if key not in newest or stored["version"] > (newest[key].version or 0):
                newest[key] = commit
        return newest

    def history(self, partition: int, stream: str) -> list[Commit]:
        """All commits of a stream, oldest first."""
        found = self._settled.find({"partition": partition, "stream": stream}, {"_id": False})
        return [Commit.from_stored(stored) for stored in found.sort("version", ASCENDING)]

    def latest(self, partition: int, stream: str, limit: int) -> list[Commit]:
        """The newest commits of a stream, at most ``limit``, oldest first, without their ``state``."""
        found = self._settled.find({"partition": partition, "stream": stream}, _FOR_READERS)
        return [Commit.from_stored(s) for s in found.sort("version", DESCENDING).limit(limit)][::-1]

    def without_effect(self, partition: int, stream: str, limit: int) -> list[Commit]:
        """What was decided about a stream and did not change it, refusals above all: as ``latest``."""
        where = {"partition": partition, "outcome.stream": stream}
        found = self._settled.find(where, _FOR_READERS).sort("seq", DESCENDING).limit(limit)
        return [Commit.from_stored(stored) for stored in found][::-1]

    def of_streams(self, partition: int, streams: Iterable[str]) -> list[Commit]:
        """All commits of some streams, by position, without their ``state``."""
        where = {"partition": partition, "stream": {"$in": sorted(streams)}}
        # Sorted here: asked to sort by position, MongoDB might read the whole partition in that order.
        found = [Commit.from_stored(stored) for stored in self._settled.find(where, _FOR_READERS)]
        return sorted(found, key=lambda commit: commit.seq)

    def waiting(self, partition: int, stream: str, seq: int) -> int:
        """How many commits of a stream come after a position."""
        where = {"partition": partition, "stream": stream, "seq": {"$gt": seq}}
        return self._settled.count_documents(where, hint="optimistic_lock")

    def of_command(self, partition: int, command_id: str) -> Commit | None:
        """What a command came to, if it has been decided."""
        stored = self._commits.find_one({"partition": partition, "command_id": command_id})
        return Commit.from_stored(stored) if stored else None

    def append(self, decisions: Sequence[Decision]) -> list[Appended]:
        """Append each decision or say why not; one that fails harms no other.

        Returns one entry per decision: the commit with its position; ``VersionConflictError`` if another
        version was there first; ``AlreadyCommittedError`` if the command has been decided already.
        """
        results: list[Appended | None] = [None] * len(decisions)
        waiting = list(range(len(decisions)))
        for _ in range(CLAIM_TRIES):
            waiting = self._append_once(decisions, waiting, results)
            if not waiting:
                return [result for result in results if result is not None]
        raise LogMismatchError(
            f"{CLAIM_TRIES} claimed positions were taken: is the positions counter behind?"
        )

    def _append_once(
        self, decisions: Sequence[Decision], waiting: list[int], results: list[Appended | None]
    ) -> list[int]:
        """Claim, insert, and give up what was refused; return what found its position closed."""
        commits = self._claim([decisions[i] for i in waiting])
        refused = self._insert([c.to_stored() for c in commits])
        again, given_up = [], []
        for place, (i, commit) in enumerate(zip(waiting, commits, strict=True)):
            key = refused.get(place)
            if key is None:
                results[i] = commit
            elif "seq" in key:
                again.append(i)
            else:
                given_up.append((commit.partition, commit.seq))
                results[i] = (
                    VersionConflictError(f"{commit.stream} version {commit.version}")
                    if "version" in key
                    else AlreadyCommittedError(commit.command_id)
                )
        self.close(given_up)
        return again

    def _claim(self, decisions: Sequence[Decision]) -> list[Commit]:
        """Give each decision the next position of its partition, all in one step."""
        counts = Counter(str(decision.partition) for decision in decisions)
        counter = _upserted(self._positions, "claimed", {"$inc": counts})
        following = {int(partition): counter[partition] - count for partition, count in counts.items()}
        commits = []
        for decision in decisions:
            following[decision.partition] += 1
            commits.append(decision.at_position(following[decision.partition]))
        return commits

    def _insert(self, documents: list[Documents]) -> dict[int, set[str]]:
        """Insert all that can be; for each that cannot, by its place, the keys of the index it violates."""
        try:
            self._commits.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise
            refused = {}
            for write_error in error.details["writeErrors"]:
                if write_error["code"] != DUPLICATE_KEY:
                    raise
                refused[write_error["index"]] = set(write_error["keyPattern"])
            return refused
        return {}

    def close(self, positions: Iterable[tuple[int, int]]) -> int:
        """Put tombstones at ``(partition, seq)`` where nothing is yet; return how many it took."""
        tombstones = [{"partition": partition, "seq": seq} for partition, seq in positions]
        if not tombstones:
            return 0
        return len(tombstones) - len(self._insert(tombstones))

    def read(self, partition: int, after: int, limit: int, *, state: bool = True) -> Stretch:
        """The next contiguous commits after a position, at most ``limit``, and what is missing beyond.

        Without ``state``, which only the write side needs, they are a quarter smaller.
        """
        left_out = {"_id": False} if state else _FOR_READERS
        cursor = self._settled.find({"partition": partition, "seq": {"$gt": after}}, left_out)
        return _contiguous(cursor.sort("seq", ASCENDING).limit(limit), after)

    def read_within(self, partition: int, after: int, limit: int, most_bytes: int) -> Stretch:
        """As ``read`` without states, but not much more than so many bytes of them, one commit at least.

        It stops after the batch of documents from MongoDB with which they are reached.
        """
        where = {"partition": partition, "seq": {"$gt": after}}
        stored: list[Documents] = []
        read = 0
        with self._settled.find_raw_batches(
            where, _FOR_READERS, sort=[("seq", ASCENDING)], limit=limit, batch_size=RAW_BATCH
        ) as batches:
            for batch in cast("Iterable[bytes]", batches):
                stored += decode_all(batch, CODEC)
                read += len(batch)
                if read >= most_bytes:
                    break
        return replace(_contiguous(stored, after), size=read)

    def accepted_after(self, partition: int, position: int) -> datetime | None:
        """When the first command was accepted that the log has beyond a position."""
        beyond = {"partition": partition, "seq": {"$gt": position}, "at": {"$exists": True}}
        stored = self._settled.find_one(beyond, {"at": True}, sort=[("seq", ASCENDING)])
        return stored["at"] if stored else None

    def head(self, partition: int) -> int:
        """The highest position in a partition that holds anything; 0 for an empty one."""
        newest = self._settled.find_one({"partition": partition}, {"seq": True}, sort=[("seq", DESCENDING)])
        return newest["seq"] if newest else 0
