"""The documents of the live read models, as the queries see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database

from bus.connections import Documents as Stored
from read_side.projections.model import Document, Documents, Sort
from read_side.projections.staleness import Aside
from read_side.registry import Registry


class CollectionDocuments:
    """One generation's collection behind the ``Documents`` protocol of the queries."""

    def __init__(self, collection: Collection[Stored]) -> None:
        self._collection = collection

    def find(
        self, where: Mapping[str, Any], *, sort: Sort = (), limit: int = 0, fields: Sequence[str] = ()
    ) -> list[Document]:
        cursor = self._collection.find(where, dict.fromkeys(fields, True) or None)
        if sort:
            cursor = cursor.sort(list(sort))
        return list(cursor.limit(limit))

    def find_one(self, document_id: str) -> Document | None:
        return self._collection.find_one({"_id": document_id})

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        return list(self._collection.aggregate(list(pipeline)))


@dataclass(frozen=True, slots=True)
class Live:
    """The live generation of a model, and its documents."""

    generation: int
    documents: Documents
    aside: Aside = field(default_factory=dict)
    """The streams whose events are missing in them, and since when."""


class ReadStore:
    """The read database, by the names of the read models."""

    def __init__(self, database: Database[Stored]) -> None:
        self._registry = Registry(database)

    def generation(self, name: str) -> int:
        """The number of the live generation of a model."""
        return self._registry.live(name)

    def live(self, name: str) -> Live:
        """The documents of a model as they are served, of one and the same generation throughout."""
        generation = self._registry.live(name)
        return Live(generation, CollectionDocuments(self._registry.collection(name, generation)))
