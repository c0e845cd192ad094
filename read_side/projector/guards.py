"""Writing documents back, each only if it is still the one that was read.

A document's position tells it apart: two runners fold the same log, so they have the same document
at the same position. That does not hold if they disagree on what is parked. So a runner that mends
a stream writes the epoch of its lease into every document that the stream has a part in. Each later
runner knows that epoch and writes it too. A runner that has overslept the mending holds the
documents as they were before, and cannot write over any of them.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from bus.connections.clients import DUPLICATE_KEY, StoredDocument
from read_side.errors import LeaseLostError
from read_side.projections.model import Document
from read_side.projector.folding import POSITION

MENDED = "_mended"
"""The field for the latest mending's epoch that a document's writer knew of; absent if none."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The position and the last mending of a document when it was read."""

    position: int
    mended: int | None

    @classmethod
    def taken_from(cls, document: MutableMapping[str, Any]) -> "Guard":
        """Return a stored document's guard, and leave the document as a fold takes it."""
        return cls(document[POSITION], document.pop(MENDED, None))


Write = InsertOne[StoredDocument] | ReplaceOne[StoredDocument]


def writes(documents: Iterable[Document], guards: Mapping[str, Guard], mended: int) -> list[Write]:
    """Return what is to be asked of MongoDB. A document without a guard must not be there yet."""
    asked: list[Write] = []
    for document in documents:
        key = document["_id"]
        written = {**document, MENDED: mended} if mended else document
        if (guard := guards.get(key)) is not None:
            as_read = {"_id": key, POSITION: guard.position, MENDED: guard.mended}  # null: no such field
            asked.append(ReplaceOne(as_read, written))
        else:
            asked.append(InsertOne(written))
    return asked


def carry_out(collection: Collection[StoredDocument], asked: Sequence[Write]) -> bool:
    """Write in one step; return True if all was written, so that no document had moved on."""
    if not asked:
        return True
    try:
        result = collection.bulk_write(asked, ordered=False)
    except BulkWriteError as error:
        if {e["code"] for e in error.details["writeErrors"]} != {DUPLICATE_KEY}:
            raise
        return False
    return result.inserted_count + result.matched_count == len(asked)


def write(
    collection: Collection[StoredDocument],
    documents: Iterable[Document],
    guards: Mapping[str, Guard],
    mended: int,
) -> None:
    """Write documents in one step.

    Raises:
        LeaseLostError: somebody else has written one of them meanwhile.

    """
    if not carry_out(collection, writes(documents, guards, mended)):
        raise LeaseLostError(collection.name)
