"""One batch of commits on its way into the documents of a read model.

The documents are written before the checkpoint moves, each guarded by the position it was read at. So a crash
between the two repeats the batch, and every document that already has a commit skips it; and a runner
that lost its lease finds the documents moved on, and stops.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from bus.commit import Commit
from bus.connections import DUPLICATE_KEY, Documents
from read_side.errors import LeaseLostError
from read_side.folding import POSITION, Plan, fold, fold_spread, plan
from read_side.projections.model import Document, ReadModel

SPREAD_CHUNK = 500
"""How many documents of a spread are held in memory and written at once."""


class Poison(Exception):  # noqa: N818 - the pattern's name
    """A commit whose events could not be folded; ``__cause__`` says why."""

    def __init__(self, commit: Commit) -> None:
        super().__init__(commit.stream, commit.seq)
        self.commit = commit


class Batch:
    """Folds commits in memory and writes what they changed in one step."""

    def __init__(self, model: ReadModel, collection: Collection[Documents]) -> None:
        self._model = model
        self._collection = collection
        self._documents: dict[str, Document] = {}
        self._positions: dict[str, int] = {}
        self._changed: set[str] = set()

    def planned(self, commit: Commit) -> Plan:
        """Read a commit; raises ``Poison`` if this build cannot."""
        try:
            return plan(self._model, commit)
        except Exception as error:
            raise Poison(commit) from error

    def load(self, plans: Iterable[Plan]) -> None:
        """Fetch, in one query, the documents that commits need."""
        wanted = frozenset().union(*(planned.reads for planned in plans)) - self._documents.keys()
        for document in self._collection.find({"_id": {"$in": list(wanted)}}) if wanted else ():
            self._documents[document["_id"]] = document
            self._positions[document["_id"]] = document[POSITION]

    def fold(self, planned: Plan) -> None:
        """Fold a commit into the loaded documents: wholly, or raise ``Poison`` and not at all."""
        try:
            changed = fold(self._model, planned, self._documents)
        except Exception as error:
            raise Poison(planned.commit) from error
        self._documents.update(changed)
        self._changed.update(changed)

    def write(self) -> int:
        """Write the changed documents; return how many. Raises ``LeaseLostError`` if any had moved on."""
        changed = [self._documents[key] for key in self._changed]
        self._write(changed, self._positions)
        self._positions.update((document["_id"], document[POSITION]) for document in changed)
        self._changed.clear()
        return len(changed)

    def spread(self, planned: Plan) -> Iterable[int]:
        """Fold a commit into all further documents it concerns, a chunk at a time; yield each chunk's size.

        Found by position too, so a chunk that is written is not found again, by this or a later run.
        """
        behind = {POSITION: {"$lt": planned.commit.seq}}
        for where in planned.spreads:
            while found := list(self._collection.find({**where, **behind}).limit(SPREAD_CHUNK)):
                try:
                    changed = fold_spread(self._model, planned.recorded, found)
                except Exception as error:
                    raise Poison(planned.commit) from error
                self._write(changed, {document["_id"]: document[POSITION] for document in found})
                yield len(changed)

    def _write(self, documents: Sequence[Document], positions: Mapping[str, int]) -> None:
        if not documents:
            return
        writes: list[Any] = []
        for document in documents:
            key = document["_id"]
            if key in positions:
                writes.append(ReplaceOne({"_id": key, POSITION: positions[key]}, document))
            else:
                writes.append(InsertOne(document))
        try:
            written = self._collection.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            if {e["code"] for e in error.details["writeErrors"]} != {DUPLICATE_KEY}:
                raise
            raise LeaseLostError(self._collection.name) from error
        if written.inserted_count + written.matched_count < len(writes):
            raise LeaseLostError(self._collection.name)
