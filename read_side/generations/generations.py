"""Changes generations: begins, finishes, puts in service, retires and deletes them.

Each change of a state is one update of the model's document in the registry. The update matches
only if what it rests on still holds, and does nothing otherwise. A rebuild holds the model's lease,
by mongod's clock and with an epoch like a checkpoint's. So two rebuilds exclude each other, and one
that was overtaken changes nothing any more.

Readers are undisturbed. A replaced generation stays in service, and projected, while it is
retiring. Then no reader chooses it any more, and it is still projected for ``LEAVE_S``. That is
longer than a reader can be in the middle of reading it (1 s of remembering the registry, 30 s of
waiting for a token, the query). After that it is deleted. The times are counted by mongod's clock
and decide only how long things are kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database

from bus.connections.clients import DURABLE, StoredDocument
from bus.primitives.database_time import LONG_AGO, from_now, is_past, shorten
from read_side.errors import GenerationError, RebuildLostError
from read_side.generations.registry import COLLECTION, RegistryEntry, State

RETIRE_S = 600
LEAVE_S = 60

_SERVED = [State.READY.value, State.RETIRING.value]


@dataclass(frozen=True, slots=True)
class RebuildLease:
    """The right to build a generation of a model, as long as nobody has a higher epoch."""

    name: str
    epoch: int


class Generations:
    """The registry, with the steps that change it."""

    def __init__(
        self,
        database: Database[StoredDocument],
        *,
        lease_ms: int = 10_000,
        retire_s: float = RETIRE_S,
        leave_s: float = LEAVE_S,
    ) -> None:
        self._read_models = database.get_collection(COLLECTION, write_concern=DURABLE)
        self._lease_ms = lease_ms
        self._retire_ms = round(retire_s * 1000)
        self._leave_ms = round(leave_s * 1000)
        self._expiry = from_now(lease_ms)

    def entries(self) -> Iterator[RegistryEntry]:
        """Return the entries of all registered models, as they are now."""
        return (RegistryEntry.from_stored(stored) for stored in self._read_models.find(sort=[("_id", 1)]))

    def entry(self, name: str) -> RegistryEntry:
        """Return a model's entry. Raises ``GenerationError`` if the name is not registered."""
        stored = self._read_models.find_one({"_id": name})
        if stored is None:
            raise GenerationError(f"no read model is registered as {name}")
        return RegistryEntry.from_stored(stored)

    # The lease of a rebuild.

    def take(self, name: str, owner: str) -> RebuildLease | None:
        """Take the lease if nobody holds it; ``None`` if somebody does."""
        expires_at = {"$ifNull": ["$rebuild.expires_at", LONG_AGO]}
        epoch = {"$add": [{"$ifNull": ["$rebuild.epoch", 0]}, 1]}
        taken = self._read_models.find_one_and_update(
            {"_id": name, "$expr": is_past(expires_at)},
            [{"$set": {"rebuild": {"owner": owner, "epoch": epoch, "expires_at": self._expiry}}}],
            return_document=ReturnDocument.AFTER,
        )
        if taken is None:
            shorten(self._read_models, {"_id": name}, "rebuild.expires_at", self._lease_ms)
            return None
        return RebuildLease(name, taken["rebuild"]["epoch"])

    def renew(self, lease: RebuildLease) -> None:
        """Renew the lease. Raises ``RebuildLostError`` if it was taken over."""
        self._under(lease, {}, {"rebuild.expires_at": self._expiry})

    def release(self, lease: RebuildLease) -> None:
        """Let the next one in; nothing happens if the lease was lost already."""
        where = {"_id": lease.name, "rebuild.epoch": lease.epoch}
        self._read_models.update_one(where, {"$set": {"rebuild.expires_at": LONG_AGO}})

    # The life of a generation, under the lease.

    def begin(self, lease: RebuildLease, version: int, time_zone: str | None = None) -> int:
        """Register the next generation, to be built by code of a version; return its number.

        ``time_zone`` is given for a model that counts by days.
        """
        begun = self._read_models.find_one_and_update(
            {"_id": lease.name, "rebuild.epoch": lease.epoch},
            {"$inc": {"newest": 1}},
            return_document=ReturnDocument.AFTER,
        )
        if begun is None:
            raise _lost(lease)
        number = int(begun["newest"])
        made = {"version": version, "state": State.BUILDING.value, "was_live": False, "since": "$$NOW"}
        if time_zone is not None:
            made["time_zone"] = {"$literal": time_zone}
        self._under(lease, {}, {f"generations.{number}": made})
        return number

    def finish(self, lease: RebuildLease, number: int) -> None:
        """Mark a generation as ready that has caught up: from now on the workers project it."""
        building = {f"generations.{number}.state": State.BUILDING.value}
        self._under(lease, building, {**_state(number, State.READY)})

    def put_in_service(self, lease: RebuildLease, number: int, *, instead_of: int, keep: bool) -> None:
        """Make a finished generation live and, unless ``keep``, retire the one before.

        Both are one update.
        """
        before = {} if keep else _state(instead_of, State.RETIRING, from_now(self._retire_ms))
        ready = {"live": instead_of, f"generations.{number}.state": State.READY.value}
        self._under(lease, ready, {"live": number, f"generations.{number}.was_live": True, **before})

    def _under(self, lease: RebuildLease, where: StoredDocument, changes: StoredDocument) -> None:
        held = {"_id": lease.name, "rebuild.epoch": lease.epoch}
        if self._read_models.update_one({**held, **where}, [{"$set": changes}]).matched_count:
            return
        if self._read_models.find_one(held) is None:
            raise _lost(lease)
        raise GenerationError(f"the generations of {lease.name} were changed meanwhile")

    # What an operator asks for; the lease of a rebuild is not needed.

    def use(self, name: str, number: int, *, instead_of: int) -> None:
        """Put a ready or retiring generation in service; the one before is kept beside it.

        Raises:
            GenerationError: it is neither, or another one came to be live meanwhile.

        """
        where = {"_id": name, "live": instead_of, f"generations.{number}.state": {"$in": _SERVED}}
        stays = {f"generations.{number}.until": None, f"generations.{number}.was_live": True}
        changes = {"live": number, **_state(number, State.READY), **stays}
        if not self._read_models.update_one(where, [{"$set": changes}]).matched_count:
            raise GenerationError(f"{name}.g{number} cannot be put in service: it is not ready")

    def let_go(self, name: str, number: int, *, even_live: bool = False) -> None:
        """Take a generation out of service; it is deleted a little later.

        Raises:
            GenerationError: it is live, not there, being built or out of service already.

        """
        other = {} if even_live else {"live": {"$ne": number}}
        where = {"_id": name, **other, f"generations.{number}.state": {"$in": _SERVED}}
        changes = _state(number, State.LEAVING, from_now(self._leave_ms))
        if not self._read_models.update_one(where, [{"$set": changes}]).matched_count:
            raise GenerationError(f"{name}.g{number} is live, being built or not there")

    # What happens by itself.

    def move_on(self, name: str, number: int) -> None:
        """Move a generation on to its next state if its time is up."""
        place = f"generations.{number}"
        due = {"$expr": is_past(f"${place}.until")}
        for now, most_ms, then, until in (
            (State.RETIRING, self._retire_ms, State.LEAVING, from_now(self._leave_ms)),
            (State.LEAVING, self._leave_ms, State.GONE, None),
        ):
            where = {"_id": name, f"{place}.state": now.value}
            shorten(self._read_models, where, f"{place}.until", most_ms)
            self._read_models.update_one({**where, **due}, [{"$set": _state(number, then, until)}])

    def give_up(self, lease: RebuildLease, number: int) -> None:
        """Mark a generation as gone that nobody builds any more."""
        self._under(lease, {f"generations.{number}.state": "building"}, _state(number, State.GONE))

    def strike(self, name: str, number: int) -> None:
        """Remove a deleted generation from the registry, and with its last one the read model."""
        place = f"generations.{number}"
        self._read_models.update_one({"_id": name, f"{place}.state": "gone"}, {"$unset": {place: True}})
        self._read_models.delete_one({"_id": name, "generations": {}})


def _state(number: int, state: State, until: Any = None) -> StoredDocument:
    place = f"generations.{number}"
    return {f"{place}.state": state.value, f"{place}.since": "$$NOW", f"{place}.until": until}


def _lost(lease: RebuildLease) -> RebuildLostError:
    return RebuildLostError(f"somebody else has taken over the rebuild of {lease.name}")
