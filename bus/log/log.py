"""The log: every decision ever made, one document each, in the ``commits`` collection.

A document's unique indexes make one insert the whole transaction: its position
``(partition, seq)``, the optimistic lock ``(partition, stream, version)`` and idempotency
``(partition, command_id)``. A position is used once: a writer that gives one up closes it with a
tombstone.

Why every reader sees the same sequence: a reader takes only the contiguous prefix, so what it has
read is complete. Either the slow owner of a gap or a tombstone fills it, and the unique index lets
exactly one of them in. The loser claims a new position.

Why a decision's position is higher than the position of everything that the decision rests on: a
writer reads only settled commits, which no failover takes back. The log notes the highest position
that its process has read in each partition. The claim is one update that takes the larger of the
counter and that position, so it gives positions above both. The writer puts the claimed position
into the commit. From then on only the commit's own position counts. It stays above what the writer
has read, whatever happens to the counter, and whichever primary the insert reaches. The counter may
lose a claim: a claim does not wait for the disk, and the driver may try the insert again on the
next primary, whose counter is behind. Then two writers get the same positions. These are above what
each of the two has read, and the unique index lets one writer in. The other one claims again, above
the highest position at which anything stands. So one step brings the counter up to date, whatever
it has lost.

Decisions that are appended together may rest on each other. They have rising positions, and one
ordered insert puts none of them into the log without those before it. The first decision that is
refused ends the insert, so nothing that rests on it gets in. A decision that finds its position
taken claims again, and so do all decisions that come after it.

``bus.log.view`` reads the log, and ``bus.log.positions`` has the counter.
"""

from collections.abc import Iterable, Sequence
from typing import cast

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from bus.connections.clients import DUPLICATE_KEY, DURABLE, UNSETTLED, StoredDocument
from bus.errors import AlreadyCommittedError, LogMismatchError, VersionConflictError
from bus.log.commit import Commit, Decision
from bus.log.positions import Positions
from bus.log.view import LogView, head_of

REPAIR = "repair"
"""The id in the ``log`` collection of the moves of a begun repair (``write_side.repair``)."""
FORMAT = 2
"""The format of what is stored in the write database.

In format 1 commits did not hold yet what an answer about a command needs.
"""
CLAIM_TRIES = 64
"""The times a slow writer may find its positions taken before something else must be wrong."""
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
    IndexModel(
        [("outcome.status", ASCENDING), ("decided_at", ASCENDING)],
        name="outcomes",
        partialFilterExpression={"outcome.stream": {"$exists": True}},
    ),
)

Appended = Commit | VersionConflictError | AlreadyCommittedError


class Log(LogView):
    """The log in one write database, with a fixed number of partitions."""

    def __init__(self, database: Database[StoredDocument], partitions: int) -> None:
        super().__init__(database, partitions)
        self._facts_of_the_log = database.get_collection("log", write_concern=DURABLE)
        self._positions = Positions(database)
        self._commits = database.get_collection("commits", write_concern=DURABLE)

    def create(self) -> None:
        """Make the indexes and fix the number of partitions.

        It is idempotent, and every process calls it at start.

        Raises:
            LogMismatchError: the log was created with another number of partitions or in another
                format, or a repair of it has begun and not ended.

        """
        if self._facts_of_the_log.find_one({"_id": REPAIR}) is not None:
            raise LogMismatchError(
                "a repair of the log was begun and has not ended: python -m write_side repair --carry-out"
            )
        updated = self._facts_of_the_log.find_one_and_update(
            {"_id": "log"},
            {"$setOnInsert": {"partitions": self.partitions, "format": FORMAT}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        fixed = cast("StoredDocument", updated)
        if fixed.get("format", 1) != FORMAT:
            raise LogMismatchError(
                f"the log has format {fixed.get('format', 1)}, and this version of Twofold reads and writes"
                f" format {FORMAT}. Run the version that made it, or name an empty WRITE_DATABASE"
            )
        if fixed["partitions"] != self.partitions:
            raise LogMismatchError(
                f"LOG_PARTITIONS is {self.partitions}, but the log was created with {fixed['partitions']}"
            )
        self._commits.create_indexes(list(INDEXES))

    def append(self, decisions: Sequence[Decision]) -> list[Appended]:
        """Append decisions in their order, up to the first that is refused.

        Each decision may rest on those before it. Returns one entry per decision, the refused one
        included and none for those after it: the commit with its position; ``VersionConflictError``
        if another commit took this version first; ``AlreadyCommittedError`` if the command has been
        decided already. Decisions after a refusal are not in the log, because they may rest on it.
        """
        appended: list[Appended] = []
        for _ in range(CLAIM_TRIES):
            commits = self._claim(decisions[len(appended) :])
            refused = self._insert([commit.to_stored() for commit in commits], in_order=True)
            inserted = min(refused, default=len(commits))
            appended += self._remembered(commits[:inserted])
            if not refused:
                return appended
            is_taken = "seq" in refused[inserted]
            self.close((commit.partition, commit.seq) for commit in commits[inserted + is_taken :])
            if not is_taken:
                return [*appended, _refusal(commits[inserted], refused[inserted])]
            for partition in {decision.partition for decision in decisions[len(appended) :]}:
                self._seen.note(partition, self._occupied(partition))
        raise LogMismatchError(f"{CLAIM_TRIES} claims above the head of the log found their positions taken")

    def _remembered(self, commits: Sequence[Commit]) -> Sequence[Commit]:
        """Note appended commits as read, since later decisions of this process rest on them."""
        for commit in commits:
            self._seen.note(commit.partition, commit.seq)
        return commits

    def _claim(self, decisions: Sequence[Decision]) -> list[Commit]:
        return self._positions.claim(decisions, self._seen)

    def _occupied(self, partition: int) -> int:
        """Return the highest position at which anything stands on this primary, settled or not."""
        return head_of(self._commits.with_options(read_concern=UNSETTLED), partition, None)

    def _insert(self, documents: list[StoredDocument], *, in_order: bool = False) -> dict[int, set[str]]:
        """Insert all that the indexes allow; ``in_order``, all up to the first refused document.

        Returns the keys of the violated index for each refused document, by its place.
        """
        try:
            self._commits.insert_many(documents, ordered=in_order, session=self._session)
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
        """Put tombstones at those ``(partition, seq)`` that are empty; return how many it put."""
        tombstones = [{"partition": partition, "seq": seq} for partition, seq in positions]
        if not tombstones:
            return 0
        return len(tombstones) - len(self._insert(tombstones))


def _refusal(commit: Commit, keys: set[str]) -> VersionConflictError | AlreadyCommittedError:
    if "version" in keys:
        return VersionConflictError(f"{commit.stream} version {commit.version}")
    return AlreadyCommittedError(commit.command_id)
