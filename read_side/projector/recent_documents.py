"""Documents that a follower has read or written lately, so that it need not load them again.

Under a lease nobody else writes the documents of a partition, so what is remembered is what is
stored, together with what that lacks of a spread under way. A follower does not rely on this. Every
write asks for the position, and the mending, that the stored document had when it was remembered
(``read_side.projector.guards``); at one position, and of one mending, there is one document. So a
write cannot replace what another holder of the lease has changed meanwhile: it is refused, and the
follower loads what is stored and folds once more (``read_side.projector.follower``).

A follower remembers under one lease only. It forgets the documents that a step of a spread has
written past it, all when a spread begins, and all whenever a write was refused.
"""

from collections.abc import Iterable

from read_side.projections.model import Document
from read_side.projector.guards import Guard

MOST = 4_000
MOST_BYTES = 2 * 2**20
"""About so many bytes as stored. In Python they are some five times that."""
_BYTES = 500
"""Bytes of a document, without the objects in its lists."""
_BYTES_OF_AN_ENTRY = 120

Remembered = tuple[Document, Guard]


class RecentDocuments:
    """A bounded number of documents and bytes; those not needed for longest go first."""

    def __init__(self) -> None:
        self._documents: dict[str, Remembered] = {}
        self._size = 0

    def get(self, key: str) -> Remembered | None:
        found = self._documents.pop(key, None)
        if found is not None:
            self._documents[key] = found  # the last to go
        return found

    def keep(self, documents: Iterable[Remembered]) -> None:
        for one in documents:
            key = one[0]["_id"]
            self._forget(key)
            self._documents[key] = one
            self._size += _size(one[0])
        while len(self._documents) > MOST or self._size > MOST_BYTES:
            self._forget(next(iter(self._documents)))

    def forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._forget(key)

    def clear(self) -> None:
        self._documents.clear()
        self._size = 0

    def _forget(self, key: str) -> None:
        if (known := self._documents.pop(key, None)) is not None:
            self._size -= _size(known[0])


def _size(document: Document) -> int:
    entries = sum(len(value) for value in document.values() if isinstance(value, list | dict))
    return _BYTES + entries * _BYTES_OF_AN_ENTRY
