"""Given what happened, a read model has these documents.

``project(MODEL, order_placed(), order_confirmed())`` runs the model's folds in memory as the projector does,
each argument one commit (a tuple: one commit of several events). On the way it checks what holds for every
fold: the same document and event give the same result, the document given stays as it was, BSON keeps
what comes out, and commits that come again change nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import bson
import mongomock
from bson.codec_options import CodecOptions

from bus.log.commit import Commit, RecordedEvent
from bus.messages import streams
from bus.messages.customers import CustomerEvent
from bus.messages.orders import OrderEvent
from bus.messages.registry import AnyEvent, to_stored
from read_side.projections.model import Document, Documents, ReadModel
from read_side.projector import folding
from read_side.queries.store import CollectionDocuments
from tests.support.messages import NOW

PARTITIONS = 4

_UTC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


class History:
    """Commits as the log has them: positions count per partition, versions per stream."""

    def __init__(self) -> None:
        self._next_position = dict.fromkeys(range(PARTITIONS), 1)
        self._versions: dict[str, int] = {}

    def commit(self, *happened: AnyEvent) -> Commit:
        stream, home = place(happened[0])
        partition = streams.partition_of(home, PARTITIONS)
        seq = self._next_position[partition]
        self._next_position[partition] += 1
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        stored = tuple(to_stored(event) for event in happened)
        return Commit(partition=partition, seq=seq, at=NOW, stream=stream, version=version, events=stored)


def place(event: AnyEvent) -> tuple[str, str]:
    """The stream of an event, and the one whose partition it is in: an order is in its customer's."""
    if isinstance(event, OrderEvent):
        return streams.order_stream(event.order_id), streams.customer_stream(str(event.customer_id))
    if isinstance(event, CustomerEvent):
        return (streams.customer_stream(event.customer_id),) * 2
    return (streams.product_stream(event.product_id),) * 2


class Projection:
    """The documents of one read model, kept in a dictionary."""

    def __init__(self, model: ReadModel) -> None:
        self._model = replace(model, fold=_checked(model.fold))
        self.documents: dict[str, Document] = {}

    def apply(self, commit: Commit) -> None:
        """Fold a commit wholly, or raise and fold nothing of it."""
        plan = folding.plan(self._model, commit)
        self.documents.update(folding.fold(self._model, plan, self.documents))
        for where in plan.spreads:
            found = [document for document in self.documents.values() if where.items() <= document.items()]
            for document in folding.fold_spread(self._model, plan.recorded, found):
                self.documents[document["_id"]] = document

    @property
    def stored(self) -> Documents:
        """The documents where the model's queries find them."""
        collection: Any = mongomock.MongoClient(tz_aware=True).read[self._model.name]
        for document in self.documents.values():
            collection.insert_one(deepcopy(document))
        return CollectionDocuments(collection)


def project(model: ReadModel, *happened: AnyEvent | Sequence[AnyEvent]) -> Projection:
    history = History()
    return projected(model, [history.commit(*_several(each)) for each in happened])


def projected(model: ReadModel, commits: Sequence[Commit]) -> Projection:
    """Every commit comes twice, and in the end all of them once more, as after a crash."""
    projection = Projection(model)
    for commit in commits:
        projection.apply(commit)
        once = deepcopy(projection.documents)
        projection.apply(commit)
        assert projection.documents == once, "a commit that came twice was folded twice"
    finally_ = deepcopy(projection.documents)
    for commit in commits:
        projection.apply(commit)
    assert projection.documents == finally_, "a replay changed what was there"
    return projection


def _several(happened: AnyEvent | Sequence[AnyEvent]) -> Iterator[AnyEvent]:
    if isinstance(happened, Sequence):
        yield from happened
    else:
        yield happened


def _checked(
    fold: Callable[[Document, RecordedEvent], Document],
) -> Callable[[Document, RecordedEvent], Document]:
    def checked(document: Document, recorded: RecordedEvent) -> Document:
        before = deepcopy(document)
        after = fold(document, recorded)
        assert fold(document, recorded) == after, "the fold is not a function of its arguments"
        assert document == before, "the fold changed the document it was given"
        assert after["_id"] == document["_id"]
        assert bson.decode(bson.encode(after), _UTC) == after, "the document is not what BSON keeps"
        return after

    return checked
