"""Which generation of each read model is live, in the ``read_models`` collection of the read database.

A generation is one collection, ``order_summary.g1``; a rebuild makes the next one beside it. People who look
into the database find the live one through a view that is named after the model.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from bus.connections import DURABLE, Documents
from read_side.projections.model import Index, ReadModel

FIRST = 1
REFRESH_S = 1.0


class Registry:
    """The generations of the read models."""

    def __init__(self, database: Database[Documents]) -> None:
        self._database = database
        self._read_models = database.get_collection("read_models", write_concern=DURABLE)
        self._live: dict[str, int] = {}
        self._read_at = float("-inf")

    def create(self, models: Iterable[ReadModel]) -> None:
        """Make the first generation of every model that has none, with its indexes and view; idempotent."""
        present = set(self._database.list_collection_names())
        for model in models:
            self._read_models.update_one(
                {"_id": model.name}, {"$setOnInsert": {"live": FIRST, "version": model.version}}, upsert=True
            )
            collection = self.collection(model.name, FIRST)
            if model.indexes:
                collection.create_indexes([_index_model(index) for index in model.indexes])
            if model.name not in present:
                self._create_view(model.name, collection.name)

    def _create_view(self, name: str, collection: str) -> None:
        with suppress(CollectionInvalid):  # another process was first
            self._database.create_collection(name, viewOn=collection, pipeline=[])

    def live(self, name: str) -> int:
        """The number of the live generation; at most ``REFRESH_S`` old."""
        if time.monotonic() - self._read_at > REFRESH_S:
            self._live = {stored["_id"]: stored["live"] for stored in self._read_models.find()}
            self._read_at = time.monotonic()
        return self._live.get(name, FIRST)

    def collection(self, name: str, generation: int) -> Collection[Documents]:
        """The documents of one generation."""
        return self._database.get_collection(collection_name(name, generation), write_concern=DURABLE)


def collection_name(name: str, generation: int) -> str:
    return f"{name}.g{generation}"


def _index_model(index: Index) -> IndexModel:
    options: dict[str, Any] = {"partialFilterExpression": dict(index.only)} if index.only else {}
    return IndexModel(list(index.keys), **options)
