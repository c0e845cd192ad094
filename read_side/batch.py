"""One batch of commits on its way into the documents of a read model.

The documents are written before the checkpoint moves, each guarded by the position it was read at. So a crash
between the two repeats the batch, and every document that already has a commit skips it; and a runner
that lost its lease finds the documents moved on, and stops.

What is beyond the checkpoint was written by an earlier holder of the lease. One from before a mending left
out what was parked then, so its documents are not believed: they are folded from the log again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from pymongo.collection import Collection

from bus.commit import Commit
from bus.connections import Documents
from bus.log import Log
from read_side import guards
from read_side.folding import POSITION, Plan, fold, fold_spread, plan
from read_side.guards import MENDED, Guard
from read_side.projections.model import Document, ReadModel
from read_side.refold import refold_streams

SPREAD_CHUNK = 500
"""How many documents of a spread are held in memory and written at once."""


class Poison(Exception):  # noqa: N818 - the pattern's name
    """A commit whose events could not be folded; ``__cause__`` says why."""

    def __init__(self, commit: Commit) -> None:
        super().__init__(commit.stream, commit.seq)
        self.commit = commit


class Batch:
    """Folds commits in memory and writes what they changed in one step.

    ``mended`` is the epoch of the latest mending before this batch; 0 if there was none.
    """

    def __init__(self, model: ReadModel, collection: Collection[Documents], log: Log, mended: int) -> None:
        self._model = model
        self._collection = collection
        self._log = log
        self._mended = mended
        self._documents: dict[str, Document] = {}
        self._guards: dict[str, Guard] = {}
        self._changed: set[str] = set()

    def planned(self, commit: Commit) -> Plan:
        """Read a commit; raises ``Poison`` if this build cannot."""
        try:
            return plan(self._model, commit)
        except Exception as error:
            raise Poison(commit) from error

    def load(self, plans: Iterable[Plan], position: int, parked: Mapping[str, int]) -> None:
        """Fetch, in one query, the documents that commits behind ``position`` need."""
        needed = list(plans)
        wanted = frozenset().union(*(planned.reads for planned in needed)) - self._documents.keys()
        for document in self._collection.find({"_id": {"$in": list(wanted)}}) if wanted else ():
            key = document["_id"]
            doubtful = document[POSITION] > position and document.get(MENDED, 0) < self._mended
            self._guards[key] = Guard.taken_from(document)
            if not doubtful:
                self._documents[key] = document
            elif believed := self._from_the_log(document, needed[0].commit.partition, position, parked):
                self._documents[key] = believed

    def _from_the_log(
        self, document: Document, partition: int, position: int, parked: Mapping[str, int]
    ) -> Document | None:
        """A document as it has to be at a position; ``None`` if it is not there yet."""
        if self._model.sources is None:  # of such a model nothing is mended
            return document
        streams = self._model.sources.feeding(document)
        refold = refold_streams(self._log, self._model, partition, streams, parked, position)
        return refold.documents.get(document["_id"])

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
        self._write(changed, self._guards)
        mended = self._mended or None
        self._guards.update((document["_id"], Guard(document[POSITION], mended)) for document in changed)
        self._changed.clear()
        return len(changed)

    def rehearse(self, planned: Plan) -> Iterator[int]:
        """Fold what ``spread`` would and write nothing; raises ``Poison`` if any of it cannot be folded.

        So a commit that is poison to the last of many documents has not been written into the first.
        """
        for found in self._behind(planned):
            self._spread_to(planned, found)
            yield len(found)

    def spread(self, planned: Plan) -> Iterator[int]:
        """Fold a commit into all further documents it concerns, a chunk at a time; yield each chunk's size.

        Found by position too, so a later run does not find again what an interrupted one has written.
        """
        for found in self._behind(planned):
            read = {document["_id"]: Guard.taken_from(document) for document in found}
            changed = self._spread_to(planned, found)
            self._write(changed, read)
            yield len(changed)

    def _behind(self, planned: Plan) -> Iterator[list[Document]]:
        """The documents, by one cursor: a spread changes no field that they are found by in an index."""
        for where in planned.spreads:
            behind = {**where, POSITION: {"$lt": planned.commit.seq}}
            cursor = self._collection.find(behind, batch_size=SPREAD_CHUNK)
            while found := list(islice(cursor, SPREAD_CHUNK)):
                yield found

    def _spread_to(self, planned: Plan, found: Sequence[Document]) -> list[Document]:
        try:
            return fold_spread(self._model, planned.recorded, found)
        except Exception as error:
            raise Poison(planned.commit) from error

    def _write(self, documents: Sequence[Document], read: Mapping[str, Guard]) -> None:
        guards.write(self._collection, documents, read, self._mended)
