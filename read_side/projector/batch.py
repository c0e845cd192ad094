"""One batch of commits on its way into the documents of a read model.

The documents are written before the checkpoint moves, each guarded by the position it was read at.
So a crash between the two repeats the batch, and every document that already has a commit skips it.
A runner that lost its lease finds the documents moved on, and stops.

A document beyond the checkpoint was written by an earlier holder of the lease. A holder from before
a mending left out what was parked then. So its documents are not believed: they are folded from the
log again.

A batch is bounded, however wide the orders are: a query of MongoDB may not be larger than 16 MB,
and a lease does not last for ever. It asks for some ``MOST_DOCUMENTS`` documents at most, by 2 MB
of ids. It holds ``LOADED_BYTES`` of them as stored and what else comes in the same answer of
MongoDB, which is 16 MB at most. Python takes some eight times that. A batch that turns out to be
larger is given up before anything is folded, and its commits come in smaller ones
(``TooLargeError``). A batch of small commits is one query and one write as always. Between the
chunks of a larger write the batch renews the lease. If the lease is lost all the same, the guards
protect what the next holder writes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from bson import decode_all
from pymongo.collection import Collection

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from bus.log.log import Log
from read_side.audit.refold import refold_streams
from read_side.projections.model import Document, ReadModel
from read_side.projector import guards
from read_side.projector.folding import POSITION, Plan, Poison, fold, fold_spread, plan
from read_side.projector.guards import MENDED, Guard, Write
from read_side.projector.recent_documents import RecentDocuments
from read_side.projector.spreads import all_caught_up, caught_up

MOST_DOCUMENTS = 10_000
"""Documents that a batch asks for before it takes no further commit.

One commit asks for some 200 at most.
"""
LOADED_BYTES = 8 * 2**20
"""Bytes of stored documents that a batch loads; a batch that needs more becomes several."""
LOAD_CHUNK = 1_000
"""Documents in one answer of MongoDB."""
WRITE_CHUNK = 2_500
"""Documents that are written in one step; the lease is renewed before the next."""
SPREAD_CHUNK = 500
"""Documents of a spread that are held in memory and written at once; fewer if they are 16 MB."""


class TooLargeError(Exception):
    """The documents that a batch needs are too many bytes; about ``share`` of them is allowed."""

    def __init__(self, share: float) -> None:
        super().__init__(f"about {share:.0%} of the documents are as much as a batch may load")
        self.share = share


def planned_for(model: ReadModel, commit: Commit) -> Plan:
    """Read a commit; raises ``Poison`` if this build cannot."""
    try:
        return plan(model, commit)
    except Exception as error:
        raise Poison(commit) from error


def portions(plans: Sequence[Plan | Poison], share: float) -> list[Sequence[Plan | Poison]]:
    """Return a too large batch's plans, in order: such a share of them at a time, at most half."""
    size = max(1, int(len(plans) * min(share, 0.5)))
    return [plans[start : start + size] for start in range(0, len(plans), size)]


class Batch:
    """Folds commits in memory and writes what they changed.

    ``mended`` is the epoch of the latest mending before this batch; 0 if there was none. ``renew``
    keeps the lease, and raises ``LeaseLostError`` if it is lost. With ``recent`` the batch loads
    only what is neither remembered there nor supposed to be absent. ``spreads`` are those under
    way: the batch folds into each document that it loads what the document lacks of them.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - where it reads and writes, and what it may rely on
        self,
        model: ReadModel,
        collection: Collection[StoredDocument],
        log: Log,
        mended: int,
        renew: Callable[[], None],
        recent: RecentDocuments | None = None,
        spreads: Sequence[Commit] = (),
    ) -> None:
        self._model = model
        self._collection = collection
        self._log = log
        self._mended = mended
        self._renew = renew
        self._recent = recent
        self._spreads = spreads
        self.is_hopeful = False
        """True if it goes by what is remembered or supposed, and not only by what it has loaded."""
        self._documents: dict[str, Document] = {}
        self._guards: dict[str, Guard] = {}
        self._changed: set[str] = set()

    def load(self, plans: Iterable[Plan], position: int, parked: Mapping[str, int]) -> None:
        """Fetch, in one query, the documents that commits behind ``position`` need.

        Raises:
            TooLargeError: more than ``LOADED_BYTES``, and of several commits; nothing was kept.
            Poison: one of them cannot take a spread that is under way.

        """
        needed = list(plans)
        wanted = frozenset().union(*(planned.reads for planned in needed)) - self._documents.keys()
        if self._recent is not None:
            wanted = self._not_known(wanted, self._recent)
            wanted = self._not_supposed(wanted, needed)
        for document in self._found(wanted, is_whole=len(needed) == 1):
            key = document["_id"]
            doubtful = document[POSITION] > position and document.get(MENDED, 0) < self._mended
            self._guards[key] = Guard.taken_from(document)
            if not doubtful:
                self._documents[key] = caught_up(self._model, self._spreads, document)
                if self._recent is not None:
                    self._recent.keep([(self._documents[key], self._guards[key])])
            elif believed := self._from_the_log(document, needed[0].commit.partition, position, parked):
                self._documents[key] = believed

    def _not_known(self, wanted: frozenset[str], recent: RecentDocuments) -> frozenset[str]:
        """Return the ids that are not remembered; the other documents are at hand then."""
        known = {key: found for key in wanted if (found := recent.get(key)) is not None}
        for key, (document, guard) in known.items():
            self._documents[key], self._guards[key] = document, guard
        self.is_hopeful |= bool(known)
        return frozenset(wanted - known.keys())

    def _not_supposed(self, wanted: frozenset[str], plans: Iterable[Plan]) -> frozenset[str]:
        """Return the ids of documents that are not supposed to be absent."""
        absent = wanted & frozenset().union(*(planned.creates for planned in plans))
        self.is_hopeful |= bool(absent)
        return wanted - absent

    def _found(self, wanted: frozenset[str], *, is_whole: bool) -> list[Document]:
        """Return the stored documents; what one commit needs is loaded however large it is."""
        found: list[Document] = []
        if not wanted:
            return found
        size = 0
        where = {"_id": {"$in": list(wanted)}}
        with self._collection.find_raw_batches(where, batch_size=LOAD_CHUNK) as batches:
            for batch in cast("Iterable[bytes]", batches):
                found += decode_all(batch, self._collection.codec_options)
                size += len(batch)
                if size > LOADED_BYTES and not is_whole and len(found) < len(wanted):
                    raise TooLargeError(len(found) / len(wanted) * LOADED_BYTES / size)
        return found

    def _from_the_log(
        self, document: Document, partition: int, position: int, parked: Mapping[str, int]
    ) -> Document | None:
        """Return a document as it has to be at a position; ``None`` if it is not there yet."""
        if self._model.sources is None:  # of such a model nothing is mended
            return document
        self._renew()  # there may be many, and each takes a query of its own
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

    def write(self) -> None:
        """Write the changed documents. Raises ``LeaseLostError`` if any had moved on."""
        changed = [self._documents[key] for key in self._changed]
        for start in range(0, len(changed), WRITE_CHUNK):
            if start:
                self._renew()
            self._write(changed[start : start + WRITE_CHUNK], self._guards)
        self.written()

    def writes(self) -> list[Write]:
        """Return what ``write`` would ask for, for a caller that asks for several batches."""
        return guards.writes((self._documents[key] for key in self._changed), self._guards, self._mended)

    def written(self) -> None:
        """Note that the changed documents have been written."""
        changed, mended = [self._documents[key] for key in self._changed], self._mended or None
        self._guards.update((document["_id"], Guard(document[POSITION], mended)) for document in changed)
        if self._recent is not None:
            self._recent.keep((document, self._guards[document["_id"]]) for document in changed)
        self._changed.clear()

    @property
    def changes(self) -> int:
        """The number of documents that are to be written."""
        return len(self._changed)

    def rehearse(self, planned: Plan) -> Iterator[int]:
        """Fold what ``spread`` would and write nothing; raises ``Poison`` if any of it cannot fold.

        So if the last of many documents cannot take a commit, the first has not got it either.
        """
        for found in self._behind(planned):
            self._spread_to(planned, found)
            yield len(found)

    def spread(self, planned: Plan) -> Iterator[int]:
        """Fold a commit into all further documents it concerns, by chunks; yield each chunk's size.

        The documents are found by position too, so a later run does not find again what an
        interrupted one has written.
        """
        for found in self._behind(planned):
            read = {document["_id"]: Guard.taken_from(document) for document in found}
            changed = self._spread_to(planned, found)
            self._write(changed, read)
            yield len(changed)

    def _behind(self, planned: Plan) -> Iterator[list[Document]]:
        """Yield the documents, by one cursor: a spread changes no indexed field that finds them.

        The generator does not close the cursor, and leaves that to the driver. A generator that is
        dropped in the middle ends when Python collects it. That may be inside the driver, while the
        driver holds a lock that closing a cursor takes, too: the process hung.
        """
        for where in planned.spreads:
            behind = {**where, POSITION: {"$lt": planned.commit.seq}}
            batches = self._collection.find_raw_batches(behind, batch_size=SPREAD_CHUNK)
            for batch in cast("Iterable[bytes]", batches):
                if found := decode_all(batch, self._collection.codec_options):
                    yield found

    def _spread_to(self, planned: Plan, found: Sequence[Document]) -> list[Document]:
        found = all_caught_up(self._model, self._spreads, found)
        try:
            return fold_spread(self._model, planned.recorded, found)
        except Exception as error:
            raise Poison(planned.commit) from error

    def _write(self, documents: Sequence[Document], read: Mapping[str, Guard]) -> None:
        guards.write(self._collection, documents, read, self._mended)


@dataclass(frozen=True, slots=True)
class Folded:
    """A batch that is to be written, the plans it was folded from, and the position it leads to."""

    batch: Batch
    plans: Sequence[Plan | Poison]
    position: int
