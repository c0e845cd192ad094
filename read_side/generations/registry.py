"""The generations of each read model and the live one: ``read_models`` in the read database.

A generation is one collection, such as ``order_summary.g1``, with its checkpoints and its parked
streams; a rebuild makes the next one beside it. Its number is never given again. It records the
``version`` of the code that folds it, and only a process with that version projects it. So during a
deploy, when two versions run side by side, no generation ever holds documents of both. Everything
about a model is in one document, so that one update of it changes what is live, for every reader at
once.

A generation of a model that counts by days records the time zone as well, for ever. Every process
folds it by the days of that zone, whatever its own setting is. So no generation ever holds days of
two zones. A rebuild makes one that counts in the zone of the setting.

Readers remember for ``REFRESH_S`` what they read here. So a generation that is taken out of service
here is projected for much longer than that (``read_side.generations.generations``). A reader that
still goes by what it remembers is served as well as before.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

import pymongo
from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure

from bus.connections.clients import DURABLE, StoredDocument
from bus.primitives.cached import CachedValue
from bus.primitives.time_zones import time_zone
from read_side.errors import GenerationError
from read_side.projections.model import Index, ReadModel

COLLECTION = "read_models"
FIRST = 1
REFRESH_S = 1.0
NAMESPACE_EXISTS = 48
INDEXED_S = 3_600
"""The limit in seconds for making the indexes of all documents. A hundred million documents do not
take longer."""


class State(StrEnum):
    """The states of a generation."""

    BUILDING = "building"
    """A rebuild fills it; nobody else touches it."""
    READY = "ready"
    """Projected until told to go: the live one, and those that are kept beside it."""
    RETIRING = "retiring"
    """Replaced; projected as before, and it leaves by itself when its time is up."""
    LEAVING = "leaving"
    """No longer given to new readers; still projected for those that read from it."""
    GONE = "gone"
    """Neither given to readers nor projected; it is being deleted."""


LIVE = "live"
STAYING = frozenset({LIVE, State.READY.value})
"""The values of ``RegistryEntry.state_of`` for a generation that is to stay.

Parked streams of other generations need no operator: a rebuild folds them again, or they are
deleted with the generation.
"""
_PROJECTED = {State.READY, State.RETIRING, State.LEAVING}
_SERVED = {State.READY, State.RETIRING}


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of a read model, as registered."""

    number: int
    version: int
    state: State
    was_live: bool = True
    since: datetime | None = None
    """The time when it entered its state, by mongod's clock; ``None`` if it was there from the
    start."""
    until: datetime | None = None
    """The time when it passes on to its next state, if it does so by itself."""
    time_zone: str | None = None
    """The registered zone of a model that counts by days. ``None`` means the days of UTC, as before
    there was a setting."""

    @property
    def is_projected(self) -> bool:
        return self.state in _PROJECTED

    def counted_in(self, model: ReadModel) -> str | None:
        """Return the zone whose days this generation counts; ``None`` for a model without days."""
        return None if model.zone is None else self.time_zone or "UTC"

    def folding(self, model: ReadModel) -> ReadModel:
        """Return the model as this generation is folded: by the days of its own time zone.

        Raises ``ValueError`` if this build does not know the zone, which a newer one may have set.
        """
        zone = self.counted_in(model)
        return model if zone is None else model.in_zone(time_zone(zone))


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """An entry of the registry: one read model with its generations."""

    name: str
    live: int
    generations: Mapping[int, Generation]
    builder: str | None = None
    """The owner of its rebuild's lease, now or last."""

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        found = {
            int(number): Generation(
                int(number),
                kept["version"],
                State(kept["state"]),
                kept.get("was_live", True),
                kept.get("since"),
                kept.get("until"),
                kept.get("time_zone"),
            )
            for number, kept in stored.get("generations", {}).items()
        }
        return cls(stored["_id"], stored["live"], found, stored.get("rebuild", {}).get("owner"))

    def state_of(self, number: int) -> str:
        """Return ``live``, or a generation's state; ``gone`` if there is none of this number."""
        if number == self.live:
            return LIVE
        return self.generations[number].state.value if number in self.generations else State.GONE.value

    def projected(self, version: int) -> list[int]:
        """Return what code of this version projects, the live generation first, then the newest."""
        numbers = [g.number for g in self.generations.values() if g.is_projected and g.version == version]
        return sorted(numbers, key=lambda number: (number != self.live, -number))

    def foreign(self, version: int) -> list[int]:
        """Return the generations that code of another version has to project."""
        return [g.number for g in self.generations.values() if g.is_projected and g.version != version]

    def served(self, version: int | None) -> int:
        """Return the generation that code of this version reads: the live one if it matches.

        During a deploy the live one may be of another version. Then it is the newest finished one
        of this version. If there is none, it is the live one after all: as good as can be had.
        """
        live = self.generations.get(self.live)
        if version is None or live is None or live.version == version:
            return self.live
        own = [g.number for g in self.generations.values() if g.state in _SERVED and g.version == version]
        return max(own, default=self.live)


class Registry:
    """The generations of the read models, as one process remembers them."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._database = database
        self._read_models = database.get_collection(COLLECTION, write_concern=DURABLE)
        self._entries = CachedValue(self._read, REFRESH_S)

    def create(self, models: Iterable[ReadModel]) -> None:
        """Make the first generation of every model that has none, the indexes and the view.

        It is idempotent. Generations of other versions of the code are left as they are.
        """
        present = set(self._database.list_collection_names())
        for model in models:
            entry = self.register(model)
            for number in entry.projected(model.version):
                self.create_indexes(model, number)
            if model.name not in present:
                self._create_view(model.name, collection_name(model.name, entry.live))

    def register(self, model: ReadModel) -> RegistryEntry:
        """Return a model's entry; the first process makes it, with its version and time zone."""
        first = _first(model.version, model.time_zone)
        with suppress(DuplicateKeyError):  # two upserts at once
            self._read_models.update_one({"_id": model.name}, {"$setOnInsert": first}, upsert=True)
        # As it was registered before there were rebuilds.
        where = {"_id": model.name, "generations": {"$exists": False}}
        if old := self._read_models.find_one(where):
            self._read_models.update_one(where, {"$set": _first(old["version"])})
        stored = self._read_models.find_one({"_id": model.name})
        if stored is None:
            raise LookupError(f"{model.name} was taken out of the registry just now")
        return RegistryEntry.from_stored(stored)

    def create_indexes(self, model: ReadModel, generation: int, *, to_fill: bool = False) -> None:
        """Make the indexes of a generation, or only those that filling it needs; idempotent."""
        indexes = model.indexes_to_fill if to_fill else model.indexes
        if indexes:
            collection = self.collection(model.name, generation)
            with pymongo.timeout(INDEXED_S):
                collection.create_indexes([_index_model(index) for index in indexes])

    def _create_view(self, name: str, collection: str) -> None:
        try:  # PyMongo's own look at what exists would leave room for another process after it
            self._database.create_collection(name, check_exists=False, viewOn=collection, pipeline=[])
        except OperationFailure as error:
            if error.code != NAMESPACE_EXISTS:  # another process was first
                raise

    def entries(self) -> Mapping[str, RegistryEntry]:
        """Return everything registered, by name; at most ``REFRESH_S`` old."""
        return self._entries()

    def _read(self) -> Mapping[str, RegistryEntry]:
        return {stored["_id"]: RegistryEntry.from_stored(stored) for stored in self._read_models.find()}

    def forget(self) -> None:
        """Forget what is remembered, so that the registry is read anew when next asked."""
        self._entries.forget()

    def entry(self, name: str) -> RegistryEntry:
        """Return a model's entry; if there is none yet, one whose live generation is the first."""
        return self.entries().get(name) or RegistryEntry(name, FIRST, {})

    def live(self, name: str) -> int:
        """Return the number of the live generation; at most ``REFRESH_S`` old."""
        return self.entry(name).live

    def projected(self, model: ReadModel) -> list[int]:
        """Return the generations of a model that this code projects, the live one first."""
        return self.entry(model.name).projected(model.version)

    def folding(self, model: ReadModel, number: int) -> ReadModel:
        """Return the model as one generation is folded: by the days of that one's own time zone.

        Raises:
            GenerationError: there is no such generation.

        """
        if model.zone is None:
            return model
        generation = self.entry(model.name).generations.get(number)
        if generation is None:  # it may have been made just now
            self.forget()
            generation = self.entry(model.name).generations.get(number)
        if generation is None:
            raise GenerationError(f"there is no {collection_name(model.name, number)}")
        return generation.folding(model)

    def collection(self, name: str, generation: int) -> Collection[StoredDocument]:
        """Return the collection that holds the documents of one generation."""
        return self._database.get_collection(collection_name(name, generation), write_concern=DURABLE)


def collection_name(name: str, generation: int) -> str:
    return f"{name}.g{generation}"


def _first(version: int, time_zone: str | None = None) -> StoredDocument:
    generation = {"version": version, "state": State.READY.value, "was_live": True, **_counted_in(time_zone)}
    return {"live": FIRST, "newest": FIRST, "generations": {str(FIRST): generation}}


def _counted_in(time_zone: str | None) -> StoredDocument:
    return {} if time_zone is None else {"time_zone": time_zone}


def _index_model(index: Index) -> IndexModel:
    options: dict[str, Any] = {"partialFilterExpression": dict(index.only)} if index.only else {}
    return IndexModel(list(index.keys), **options)
