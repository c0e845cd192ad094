"""Mends a parked stream: folds in exactly what its read model missed of it, and unparks it.

A document may be far beyond the event that could not be folded, because other streams have a part
in it. So the documents that the stream has a part in are folded from the log again, from all of
their streams and up to the checkpoint, and written over what was there. First all of them are
folded and nothing is written: if one of them cannot take an event, none of them gets it.

A crash between any two writes does no harm. The stream is marked before the first document is
written, and unparked after the last one. If the next holder of the lease finds the mark, it does
the whole again, at the same checkpoint, before anything else.

A process that lost the lease in its sleep does no harm either. It may still write documents as they
were read before the mending, which their guard refuses (``read_side.projector.guards``). It may
write new documents beyond the checkpoint, which the next batch does not believe
(``read_side.projector.batch``). It may write parked streams, which nobody confirms
(``read_side.parked.parking``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from pymongo.collection import Collection

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from bus.log.log import Log
from read_side.audit.refold import Refold, refold_streams
from read_side.errors import RebuildNeededError
from read_side.parked.parking import Parked, Parking, positions
from read_side.projections.model import Document, ReadModel, Sources
from read_side.projector import guards
from read_side.projector.checkpoints import Checkpoints, Lease
from read_side.projector.guards import Guard

CHUNK = 100
"""The number of a stream's documents that are held in memory and written at once."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of the documents that a stream has a part in: as they are stored, and folded again."""

    found: tuple[Document, ...]
    refold: Refold


class Mending:
    """Mends the parked streams of one partition of one generation, under its lease."""

    def __init__(  # noqa: PLR0913 - its collaborators, and what it is about
        self,
        *,
        log: Log,
        checkpoints: Checkpoints,
        parking: Parking,
        model: ReadModel,
        generation: int,
        partition: int,
        collection: Collection[StoredDocument],
        lease: Lease,
    ) -> None:
        self._log = log
        self._checkpoints = checkpoints
        self._parking = parking
        self._model = model
        self._generation = generation
        self._partition = partition
        self._collection = collection
        self.lease = lease
        self.finished: list[str] = []
        """Streams whose mending somebody else had begun, and which were dealt with here."""

    def confirmed(self, is_halfway: Callable[[Parked], bool] = lambda _parked: False) -> list[Parked]:
        """Finish or drop all that earlier holders have begun; return what is parked then.

        ``is_halfway`` returns True if some documents of a parked stream have what it is parked for.

        Raises:
            LeaseLostError: the lease was taken over.

        """
        before = self._parked()
        for parked in before:
            begun = self._marked(parked) if parked.mending is None and is_halfway(parked) else parked
            if begun.mending is not None:
                self.mend(begun)
                self.finished.append(begun.stream)
        return self._parked() if self.finished else before

    def _marked(self, parked: Parked) -> Parked:
        self._parking.mark(parked, self.lease.epoch)
        return replace(parked, mending=self.lease.epoch)

    def mend(self, parked: Parked) -> Parked | None:
        """Mend a stream; return ``None``, or from where on it stays parked, and why.

        Raises:
            RebuildNeededError: its documents cannot be told from those of other streams.
            LeaseLostError: the lease was taken over.

        """
        sources = self._model.sources
        if sources is None:
            raise RebuildNeededError(self._model.name)
        self._parking.mark(parked, self.lease.epoch)
        self.lease = self._checkpoints.mend(self.lease)
        others = positions(other for other in self._parked() if other.stream != parked.stream)
        poison = self._rehearse(sources, parked, others)
        if not poison:
            self._write(sources, parked, others)
            self._parking.unpark(parked, self.lease.epoch)
            return None
        commit, error = poison[0]
        left = replace(parked, seq=commit.seq, error=repr(error), mending=None)
        if commit.stream != parked.stream:  # which was foldable once, so only another build can have met it
            left = replace(left, seq=parked.seq, error=f"{commit.stream} at {commit.seq}: {error!r}")
        elif left.seq != parked.seq or parked.mending is not None:
            self._write(sources, parked, {**others, parked.stream: left.seq})
        self._parking.keep(parked, self.lease.epoch, seq=left.seq, error=left.error)
        return left

    def _parked(self) -> list[Parked]:
        return self._parking.confirmed(self._model.name, self._generation, self._partition, self.lease)

    def _rehearse(
        self, sources: Sources, parked: Parked, others: Mapping[str, int]
    ) -> list[tuple[Commit, Exception]]:
        """Fold everything, write nothing; return the commits that cannot be folded, with errors.

        Those of other streams come first; after that they are by position.
        """
        chunks = self._chunks(sources, parked.stream, others)
        poison = [met for chunk in chunks for met in chunk.refold.poison]
        return sorted(poison, key=lambda met: (met[0].stream == parked.stream, met[0].seq))

    def _write(self, sources: Sources, parked: Parked, without: Mapping[str, int]) -> None:
        """Write all documents the stream has a part in, as they are without what stays parked."""
        for chunk in self._chunks(sources, parked.stream, without):
            folded = {
                key: document
                for key, document in chunk.refold.documents.items()
                if parked.stream in sources.feeding(document)
            }
            read = {document["_id"]: Guard.taken_from(document) for document in chunk.found}
            new = folded.keys() - read.keys()
            elsewhere = {stored["_id"] for stored in self._collection.find({"_id": {"$in": list(new)}}, {})}
            written = [document for key, document in folded.items() if key not in elsewhere]
            guards.write(self._collection, written, read, self.lease.epoch)

    def _chunks(self, sources: Sources, stream: str, parked: Mapping[str, int]) -> Iterator[Chunk]:
        """Yield all documents that a stream feeds; at least one chunk, also if none is stored."""
        where = sources.fed_by(stream)
        last: StoredDocument = {}
        while True:
            found = tuple(self._collection.find({**where, **last}).sort("_id").limit(CHUNK))
            yield Chunk(found, self._refold(sources, stream, found, parked))
            self._checkpoints.renew(self.lease)
            if len(found) < CHUNK:
                return
            last = {"$and": [{"_id": {"$gt": found[-1]["_id"]}}]}

    def _refold(
        self, sources: Sources, stream: str, found: tuple[Document, ...], parked: Mapping[str, int]
    ) -> Refold:
        """Fold documents from all their streams; a new document's first events tell its streams."""
        streams = frozenset({stream}).union(*map(sources.feeding, found))
        while True:
            refold = refold_streams(
                self._log, self._model, self._partition, streams, parked, self.lease.position
            )
            new = (document for document in refold.documents.values() if stream in sources.feeding(document))
            more = frozenset().union(*map(sources.feeding, new)) - streams
            if not more:
                return refold
            streams |= more
