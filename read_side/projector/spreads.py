"""Spreads that are under way: commits that change more documents than are written in one step.

A rename reaches all orders of its customer. While it does, the read model goes on with the log, so
some of the documents have the new name and others do not yet. The read model keeps such a commit in
a document of its own, in the same collection. It writes that document before the checkpoint passes
the commit. It deletes that document when all documents have the commit. Every reader of documents
reads the spreads too, and folds into each document the spreads that it lacks. So what is read is
always what the fold of the log says, whatever is stored already.

Why nobody is shown less: the spreads are read *first*. A spread that is not found then either has
not begun or is over. If it has not begun, the checkpoint does not say yet that it is shown. If it
is over, the documents read after that have it. In one query for both, the spreads come first as
well: MongoDB goes through the bounds on an index in its order, and no other id sorts before ``!``.
"""

from collections.abc import Iterable, Sequence

from bson.regex import Regex
from pymongo.collection import Collection

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from read_side.projections.model import Document, ReadModel
from read_side.projector.folding import Poison, fold_spread

_PREFIX = "!spread"
ANY_ID = Regex("^!")
"""The ids of spreads, for a query by ids.

A pattern of Python's own says that it means Unicode, and MongoDB then looks at every id there is.
"""
NO_SPREAD: StoredDocument = {"_id": {"$not": ANY_ID}}
"""The filter for the documents that the read model itself keeps."""


def is_spread(document: Document) -> bool:
    return str(document["_id"]).startswith(_PREFIX)


def under_way(
    collection: Collection[StoredDocument], model: ReadModel, partition: int | None = None
) -> list[Commit]:
    """Return the commits that spread in a generation, in one partition or all, in log order."""
    if not model.spreads_by:
        return []
    ids = ANY_ID if partition is None else Regex(f"^{_PREFIX}-{partition}-")
    return commits(collection.find({"_id": ids}))


def commits(stored: Iterable[Document]) -> list[Commit]:
    """Return the commits that documents of spreads hold, in the log's order."""
    found = (Commit.from_stored(document["commit"]) for document in stored)
    return sorted(found, key=lambda commit: (commit.partition, commit.seq))


def to_stored(commit: Commit) -> StoredDocument:
    return {"_id": key(commit), "commit": commit.to_stored()}


def key(commit: Commit) -> str:
    return f"{_PREFIX}-{commit.partition}-{commit.seq}"


def caught_up(model: ReadModel, spreads: Sequence[Commit], document: Document) -> Document:
    """Return a stored document with what it lacks of the spreads; the same one if that is nothing.

    Raises:
        Poison: it cannot take one of them.

    """
    for commit in spreads:
        try:
            changed = fold_spread(model, commit.recorded(), [document])
        except Exception as error:
            raise Poison(commit) from error
        document = changed[0] if changed else document
    return document


def all_caught_up(
    model: ReadModel, spreads: Sequence[Commit], documents: Iterable[Document]
) -> list[Document]:
    """Return several stored documents with what they lack, in the same order."""
    return [caught_up(model, spreads, document) for document in documents]
