"""The audit: checks that every read model equals the fold of the log.

It folds each partition again in memory, up to the checkpoint of the model's live generation or of
the one asked for, and compares every document with the one in the collection. Nothing has to stand
still for it. A document that is further than the checkpoint has been folded up to its own ``_pos``,
so for that document the audit folds the log to exactly there. What it reports is a difference,
never a race. One partition of one model is in memory at a time, and the ids of all documents of the
model.

A spread that is under way (``read_side.projector.spreads``) is in no document until it is taken
there. So the audit compares what readers are shown: the document with what it lacks.

While a parked stream is being mended, its documents may be as they were or as they will be, and
both are right. If it was unparked meanwhile, the partition is audited once more.

With ``sample``, the audit folds one partition, drawn by lot, and compares that many of its
documents in each model. This takes a fraction of the time and finds documents that are wrong or
missing there. It does not look for surplus documents, nor at other partitions: run it often, and
they have their turn.

The commits' ``state`` is the write side's own and has an audit of its own there.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from pymongo.database import Database

from bus.connections.clients import CODEC, StoredDocument
from bus.log.commit import Commit
from bus.log.log import Log
from read_side.audit.refold import Refold
from read_side.errors import BehindTheCheckpointError
from read_side.generations.registry import Registry
from read_side.parked.parking import Parked, Parking, positions
from read_side.projections import READ_MODELS
from read_side.projections.model import Document, ReadModel
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.context import STRETCH_BYTES
from read_side.projector.folding import POSITION, Poison
from read_side.projector.guards import MENDED
from read_side.projector.spreads import NO_SPREAD, caught_up, under_way

CHUNK = 1_000
"""The most commits fetched at once; fewer if they are ``STRETCH_BYTES``."""
DOCUMENTS = 200
"""The most documents fetched at once; of orders with 200 lines they are 10 MB."""
TRIES = 5
"""The most times that a partition is audited if streams are unparked in it meanwhile."""
ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class DocumentDifference:
    """One thing that is not as the log says.

    ``field`` is ``None`` if the whole document is missing (``found`` is ``ABSENT``) or surplus
    (``expected`` is ``ABSENT``). It is also ``None`` if an event cannot be folded though its stream
    is not parked (``document`` is the stream, ``found`` the error), or if another version of the
    code folded the generation.
    """

    read_model: str
    generation: int
    document: str
    field: str | None
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class AuditedGeneration:
    """The result of auditing one generation of a read model."""

    read_model: str
    generation: int
    commits: int
    documents: int
    """The number of documents that were compared."""
    differences: tuple[DocumentDifference, ...]


def audit(
    log: Log,
    database: Database[StoredDocument],
    models: Iterable[ReadModel] = READ_MODELS,
    *,
    sample: int | None = None,
    generation: int | None = None,
) -> list[DocumentDifference]:
    """Return every difference between the read database and the fold of the log.

    It looks at the live generations, or at the ``generation`` given. If another version of the code
    has folded a generation, that is one difference: this code cannot say more.

    Raises:
        BehindTheCheckpointError: the log ends before a checkpoint.

    """
    return [
        difference
        for one in audited(log, database, models, sample, generation)
        for difference in one.differences
    ]


def audited(
    log: Log,
    database: Database[StoredDocument],
    models: Iterable[ReadModel] = READ_MODELS,
    sample: int | None = None,
    generation: int | None = None,
) -> Iterator[AuditedGeneration]:
    """Yield the audit of each model."""
    drawn = None if sample is None else random.randrange(log.partitions)  # noqa: S311 - no secret
    for model in models:
        yield _Audit(log, database, model, generation).run(drawn, sample)


class _Audit:
    """The audit of one read model."""

    def __init__(
        self, log: Log, database: Database[StoredDocument], model: ReadModel, generation: int | None
    ) -> None:
        registry = Registry(database)
        entry = registry.entry(model.name)
        self._log = log
        self._generation = generation or entry.live
        registered = entry.generations.get(self._generation)
        self._folded_by = model.version if registered is None else registered.version
        self._model = model if registered is None else registered.folding(model)
        self._collection = registry.collection(model.name, self._generation)
        self._checkpoints = Checkpoints(database)
        self._parking = Parking(database)
        self._commits = self._documents = 0
        self._differences: list[DocumentDifference] = []
        self._mended: dict[str, Document] = {}
        self._spreads: list[Commit] = []

    def run(self, drawn: int | None, sample: int | None) -> AuditedGeneration:
        if self._folded_by != self._model.version:
            self._differ("(version of the code)", None, self._model.version, self._folded_by)
        elif drawn is not None:
            self._partition(drawn, set(), sample)
        else:
            unaccounted = {stored["_id"] for stored in self._collection.find(NO_SPREAD, {"_id": True})}
            for partition in range(self._log.partitions):
                self._partition(partition, unaccounted, None)
            for surplus in sorted(unaccounted):
                self._differ(surplus, None, ABSENT, "(present)")
        return AuditedGeneration(
            self._model.name, self._generation, self._commits, self._documents, tuple(self._differences)
        )

    def _partition(self, partition: int, unaccounted: set[str], sample: int | None) -> None:
        """Compare the documents of a partition, and take them out of ``unaccounted``."""
        before = self._commits, self._documents, list(self._differences)
        for _ in range(TRIES):
            self._commits, self._documents, self._differences = before[0], before[1], list(before[2])
            parked = self._parked(partition)
            self._compare_partition(partition, unaccounted, sample, parked)
            if self._differences == before[2] or set(parked) <= set(self._parked(partition)):
                return

    def _compare_partition(
        self, partition: int, unaccounted: set[str], sample: int | None, parked: Sequence[Parked]
    ) -> None:
        checkpoint = self._checkpoints.positions().get((self._model.name, self._generation, partition), 0)
        refold = Refold(self._model, positions(parked))
        self._spreads = under_way(self._collection, self._model, partition)  # after the checkpoint
        self._fold_on(refold, partition, checkpoint)
        self._mended = self._as_mended(partition, checkpoint, parked)
        unaccounted.difference_update(self._mended)
        ids = sorted(refold.documents)
        if sample is not None and sample < len(ids):
            ids = random.sample(ids, sample)
        further = self._compare(refold, ids)
        unaccounted.difference_update(refold.documents)
        if new := self._touched_since(refold, partition, unaccounted):
            unaccounted -= new
            further += self._stored(sorted(new))
        self._compare_further(refold, partition, further)
        for commit, error in refold.poison:
            self._differ(str(commit.stream), None, f"folded at {partition}-{commit.seq}", repr(error))

    def _parked(self, partition: int) -> list[Parked]:
        return self._parking.of(self._model.name, self._generation, partition)

    def _as_mended(self, partition: int, checkpoint: int, parked: Sequence[Parked]) -> dict[str, Document]:
        """Return the documents as they will be after all mending; none if none is under way."""
        if all(one.mending is None for one in parked):
            return {}
        refold = Refold(self._model, positions(one for one in parked if one.mending is None))
        self._fold_on(refold, partition, checkpoint)
        return refold.documents

    def _fold_on(self, refold: Refold, partition: int, position: int) -> None:
        while (left := position - refold.position) > 0:
            asked = partition, refold.position, min(left, CHUNK), STRETCH_BYTES
            stretch = self._log.read_within(*asked)
            if not stretch.commits:  # a new primary may not show yet what its predecessor did
                with self._log.now() as now:
                    stretch = now.read_within(*asked)
            if not stretch.commits:
                raise BehindTheCheckpointError(self._model.name, partition, position, refold.position)
            for commit in stretch.commits:
                refold.take_in(commit)
            self._commits += len(stretch.commits)

    def _compare(self, refold: Refold, ids: Sequence[str]) -> list[Document]:
        """Compare the documents that are as far as the folded log; return the further ones."""
        further = []
        for start in range(0, len(ids), DOCUMENTS):
            chunk = ids[start : start + DOCUMENTS]
            found = {stored["_id"]: stored for stored in self._stored(chunk)}
            for key in chunk:
                stored = found.get(key)
                if stored is not None and stored[POSITION] > refold.position:
                    further.append(stored)
                else:
                    self._compare_one(key, refold.documents[key], stored)
        return further

    def _stored(self, ids: Sequence[str]) -> Iterator[Document]:
        """Yield documents by their ids, with what spreads, as readers are shown them.

        They are asked for in chunks: a query may not be larger than 16 MB.
        """
        for start in range(0, len(ids), DOCUMENTS):
            for stored in self._collection.find({"_id": {"$in": ids[start : start + DOCUMENTS]}}):
                try:
                    yield caught_up(self._model, self._spreads, stored)
                except Poison:  # then it is as it is stored that it differs
                    yield stored

    def _touched_since(self, refold: Refold, partition: int, unaccounted: set[str]) -> set[str]:
        """Return what of ``unaccounted`` commits beyond the checkpoint may have made by now."""
        touched: set[str] = set()
        after = refold.position
        while unaccounted and (
            commits := self._log.read_within(partition, after, CHUNK, STRETCH_BYTES).commits
        ):
            touched.update(*(refold.touched(commit) & unaccounted for commit in commits))
            after = commits[-1].seq
        return touched

    def _compare_further(self, refold: Refold, partition: int, further: Sequence[Document]) -> None:
        """Compare each document with the log folded to exactly its position."""
        refold.park(positions(self._parked(partition)))  # read after the documents were
        for stored in sorted(further, key=lambda document: int(document[POSITION])):
            self._fold_on(refold, partition, stored[POSITION])
            self._compare_one(stored["_id"], refold.documents.get(stored["_id"]), stored)

    def _compare_one(self, key: str, expected: Document | None, found: Document | None) -> None:
        self._documents += 1
        if found is not None:
            found = {field: value for field, value in found.items() if field != MENDED}
            if found == self._mended.get(key):
                return
        if expected is None or found is None:
            absent = ABSENT, "(present)"
            self._differ(key, None, *(absent if expected is None else reversed(absent)))
        elif expected != found:
            expected = bson.decode(bson.encode(expected), CODEC)  # tuples are lists there
            for field in sorted(expected.keys() | found.keys()):
                values = expected.get(field, ABSENT), found.get(field, ABSENT)
                if values[0] != values[1]:
                    self._differ(key, field, *values)

    def _differ(self, document: str, field: str | None, expected: Any, found: Any) -> None:
        self._differences.append(
            DocumentDifference(self._model.name, self._generation, document, field, expected, found)
        )
