"""The documents of the live read models, as the queries see them.

During a deploy the live generation may have been folded by another version of the code than this
process has. Its queries read documents of their own version where there are any
(``RegistryEntry.served``).

If several callers ask for documents by id at the same time, one query finds all of them
(``bus.primitives.group_commit``). That keeps every promise about freshness: a caller's id goes into
a query that is sent after the caller has asked, never into one that is under way. So what the
caller had seen before it asked is there. A query for one id costs the process and mongod nearly as
much as one for a hundred ids: some 0.3 ms of processor time here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from bus.primitives.group_commit import GroupCommit
from read_side.errors import CannotShowError
from read_side.generations.registry import Registry
from read_side.projections import READ_MODELS
from read_side.projections.model import Document, Documents, ReadModel, Sort
from read_side.projections.staleness import ParkedSince
from read_side.projector.folding import Poison
from read_side.projector.spreads import ANY_ID, NO_SPREAD, all_caught_up, commits, is_spread, under_way

TOGETHER = 100
"""The most documents found in one query: no more than come in mongod's first answer."""


class CollectionDocuments:
    """One generation's collection behind the queries' ``Documents`` protocol. Safe for threads.

    It gives out whole documents with all that spreads in the model
    (``read_side.projector.spreads``).
    """

    def __init__(self, collection: Collection[StoredDocument], model: ReadModel | None = None) -> None:
        self._collection = collection
        self._model = model if model and model.spreads_by else None
        self._one: GroupCommit[str, Document | None] = GroupCommit(
            self._several, limit=TOGETHER, shared=lambda error: isinstance(error, PyMongoError)
        )

    def find(
        self, where: Mapping[str, Any], *, sort: Sort = (), limit: int = 0, fields: Sequence[str] = ()
    ) -> list[Document]:
        spreads = under_way(self._collection, self._model) if self._model and not fields else ()
        own = {"$and": [where, NO_SPREAD]} if spreads else where
        cursor = self._collection.find(own, dict.fromkeys(fields, True) or None)
        if sort:
            cursor = cursor.sort(list(sort))
        return self._caught_up(spreads, cursor.limit(limit))

    def find_one(self, document_id: str) -> Document | None:
        return self._one(document_id)

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        return list(self._collection.aggregate(list(pipeline)))

    def _several(self, document_ids: list[str]) -> list[Document | None]:
        """Return them in the order asked for; callers of one id share it and only read it."""
        if self._model is not None:
            both = list(self._collection.find({"_id": {"$in": [ANY_ID, *document_ids]}}))
            spreads = commits(stored for stored in both if is_spread(stored))
            documents = self._caught_up(spreads, (stored for stored in both if not is_spread(stored)))
        elif len(document_ids) == 1:
            return [self._collection.find_one({"_id": document_ids[0]})]
        else:
            documents = list(self._collection.find({"_id": {"$in": document_ids}}))
        found = {document["_id"]: document for document in documents}
        return [found.get(document_id) for document_id in document_ids]

    def _caught_up(self, spreads: Sequence[Commit], documents: Iterable[Document]) -> list[Document]:
        if self._model is None or not spreads:
            return list(documents)
        try:
            return all_caught_up(self._model, spreads, documents)
        except Poison as error:  # its stream is about to be parked
            raise CannotShowError(self._model.name) from error


@dataclass(frozen=True, slots=True)
class LiveGeneration:
    """The live generation of a model, and its documents."""

    generation: int
    documents: Documents
    parked_since: ParkedSince = field(default_factory=dict)
    """The streams whose events are missing in the documents, and since when."""
    current: bool = True
    """False if another version of the fold made the documents; they may lack fields of this one."""
    model: ReadModel | None = None
    """The model as this generation is folded.

    If it counts by days, these are the days of the generation's own time zone.
    """


class ReadStore:
    """The read database, by the names of the read models."""

    def __init__(self, database: Database[StoredDocument], models: Iterable[ReadModel] = READ_MODELS) -> None:
        self._registry = Registry(database)
        self._models = {model.name: model for model in models}
        self._live: dict[str, LiveGeneration] = {}

    def generation(self, name: str) -> int:
        """Return the number of the generation of a model that is served here."""
        model = self._models.get(name)
        return self._registry.entry(name).served(model.version if model else None)

    def live(self, name: str) -> LiveGeneration:
        """Return the documents of a model as they are served, all of one generation."""
        generation = self.generation(name)
        live = self._live.get(name)
        if live is None or live.generation != generation:
            live = self._opened(name, generation)
        return live

    def _opened(self, name: str, number: int) -> LiveGeneration:
        model = self._models.get(name)
        registered = self._registry.entry(name).generations.get(number)
        current = model is None or registered is None or registered.version == model.version
        if model is not None and registered is not None:
            model = registered.folding(model)
        documents = CollectionDocuments(self._registry.collection(name, number), model)
        live = LiveGeneration(number, documents, current=current, model=model)
        if registered is not None:  # else its time zone is not known yet
            self._live[name] = live
        return live

    def of_other_zones(self) -> list[str]:
        """Return the models served by the days of another time zone than that of this process."""
        return [
            name
            for name, model in self._models.items()
            if (served := self.live(name).model) is not None and served.time_zone != model.time_zone
        ]
