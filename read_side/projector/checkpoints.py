"""Keeps the position of each read model in each partition, and the right to move it on.

Lease, epoch and checkpoint are one document per model, generation and partition. Taking the lease
raises the epoch; every move matches the mover's epoch and only goes up. So if two runners both
believe that they hold the lease, at most one moves the checkpoint, and the other learns that it has
lost it. Leases expire by mongod's clock (``$$NOW``), never by a worker's. If that clock was ahead
and is put right, they expire ``LEASE_MS`` after the first look that follows
(``bus.primitives.database_time``).

An epoch is on disk before it counts: if it were given twice, two runners would share it. A killed
mongod, or a primary that is replaced, may lose a checkpoint. This does no harm: a checkpoint only
says what need not be done again, and what it stands for is on disk before it moves. So moving it
does not wait for the disk.

A process that keeps the leases of a partition moves, renews and releases them together, each by its
own epoch. Another process may ask for them (``ask``). To ask is to set a stamp by mongod's clock,
which the holder sees when it renews. The stamp means nothing once it is ``ASK_MS`` old, so an asker
that died is forgotten.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pymongo import ReturnDocument, UpdateOne, WriteConcern
from pymongo.database import Database

from bus.connections.clients import DURABLE, StoredDocument
from bus.primitives.database_time import LONG_AGO, from_now, is_past, is_recent, shorten
from read_side.errors import LeaseLostError
from read_side.projector.checkpoint import Checkpoint

Place = tuple[str, int, int]
"""A checkpoint's read model, generation and partition."""
ALIVE_MS = 60_000
"""Milliseconds: a checkpoint that nobody has touched for so long is nobody's."""
ASK_MS = 10_000
"""Milliseconds for which a partition is kept for the process that has asked for it."""


@dataclass(slots=True)
class Lease:
    """The right to write one partition of one generation, as long as nobody has a higher epoch."""

    key: str
    epoch: int
    position: int
    """The position of the checkpoint when the lease was taken."""
    mended: int = 0
    """The epoch of the last holder that mended parked streams; 0 if none did."""
    renewed_at: float = field(default_factory=time.monotonic, compare=False)
    """The time when it was last renewed, or taken, by this process's monotonic clock."""


class Checkpoints:
    """The checkpoints in one read database."""

    def __init__(self, database: Database[StoredDocument], lease_ms: int = 10_000) -> None:
        self._checkpoints = database.get_collection("checkpoints", write_concern=DURABLE)
        self._hasty = self._checkpoints.with_options(write_concern=WriteConcern(w=1))
        self.renew_after_s = lease_ms / 3_000
        self._lease_ms = lease_ms
        self._expiry = from_now(lease_ms)
        self._let_go: dict[str, int] = {}
        """The last epoch under which each lease was let go of."""

    def create(self, name: str, generation: int, partitions: int) -> None:
        """Start a generation at the beginning of the log; idempotent."""
        for partition in range(partitions):
            self._checkpoints.update_one(
                {"_id": _key(name, generation, partition)},
                {
                    "$setOnInsert": {
                        "name": name,
                        "generation": generation,
                        "partition": partition,
                        "position": 0,
                        "epoch": 0,
                        "expires_at": LONG_AGO,
                    }
                },
                upsert=True,
            )

    def take(self, name: str, generation: int, partition: int, owner: str) -> Lease | None:
        """Take the lease if nobody holds it or this process let go of it; else return ``None``."""
        key = _key(name, generation, partition)
        own = {"$eq": ["$epoch", self._let_go.get(key, 0)]}
        taken = self._take({"_id": key, "$expr": {"$or": [is_past("$expires_at"), own]}}, owner)
        if taken is None:
            shorten(self._hasty, {"_id": key}, "expires_at", self._lease_ms)
        return taken

    def take_over(self, name: str, generation: int, partition: int, owner: str) -> Lease | None:
        """Take the lease, also from a holder; return ``None`` if there is no such checkpoint."""
        return self._take({"_id": _key(name, generation, partition)}, owner)

    def _take(self, where: StoredDocument, owner: str) -> Lease | None:
        taken = self._checkpoints.find_one_and_update(
            where,
            [
                {
                    "$set": {
                        "epoch": {"$add": ["$epoch", 1]},
                        "owner": owner,
                        "expires_at": self._expiry,
                        "touched_at": "$$NOW",
                        "asked_at": "$$REMOVE",
                    }
                }
            ],
            return_document=ReturnDocument.AFTER,
        )
        return (
            Lease(taken["_id"], taken["epoch"], taken["position"], taken.get("mended", 0)) if taken else None
        )

    def move(self, lease: Lease, position: int) -> None:
        """Move the checkpoint up; renew the lease if a third of its time has passed.

        Raises:
            LeaseLostError: the lease was taken over.

        """
        asked_at = time.monotonic()
        change: Any = {"$set": {"position": position}, "$currentDate": {"touched_at": True}}
        if renews := asked_at - lease.renewed_at > self.renew_after_s:
            change = [{"$set": {"position": position, "expires_at": self._expiry, "touched_at": "$$NOW"}}]
        moved = self._hasty.update_one(
            {"_id": lease.key, "epoch": lease.epoch, "position": {"$lt": position}}, change
        )
        if renews:
            lease.renewed_at = asked_at
        if not moved.matched_count:
            raise LeaseLostError(lease.key)

    def move_all(self, moves: Sequence[tuple[Lease, int]]) -> list[Lease]:
        """Move checkpoints to their positions in one step; return the lost leases: theirs stay."""
        asked = [
            UpdateOne(
                {"_id": lease.key, "epoch": lease.epoch, "position": {"$lt": position}},
                {"$set": {"position": position}, "$currentDate": {"touched_at": True}},
            )
            for lease, position in moves
        ]
        moved = self._hasty.bulk_write(asked, ordered=False)
        return [] if moved.matched_count == len(moves) else self._lost([lease for lease, _ in moves])

    def renew_all(self, held: Sequence[tuple[Lease, int]]) -> list[Lease]:
        """Renew several leases, in one step; return those that are lost.

        Their positions are written again: a killed mongod, or a primary that was replaced, has lost
        the last moves, and a holder that has nothing new to take in would not make them again.
        """
        leases, asked_at = [lease for lease, _ in held], time.monotonic()
        told = [{"case": {"$eq": ["$_id", one.key]}, "then": position} for one, position in held]
        position = {"$max": ["$position", {"$switch": {"branches": told, "default": 0}}]}
        renewed = self._checkpoints.update_many(
            {"$or": [{"_id": one.key, "epoch": one.epoch} for one in leases]},
            [{"$set": {"expires_at": self._expiry, "touched_at": "$$NOW", "position": position}}],
        )
        for one in leases:
            one.renewed_at = asked_at
        return [] if renewed.matched_count == len(leases) else self._lost(leases)

    def _lost(self, leases: Sequence[Lease]) -> list[Lease]:
        stored = self._checkpoints.find({"_id": {"$in": [one.key for one in leases]}}, {"epoch": True})
        epochs = {one["_id"]: one["epoch"] for one in stored}
        return [one for one in leases if epochs.get(one.key) != one.epoch]

    def is_due(self, lease: Lease) -> bool:
        """Return True if a third of a lease's time has passed since it was last renewed."""
        return time.monotonic() - lease.renewed_at > self.renew_after_s

    def renew(self, lease: Lease) -> None:
        """Keep the lease through something long; raises ``LeaseLostError`` if it was taken over."""
        lease.renewed_at = time.monotonic()
        renewed = self._checkpoints.update_one(
            {"_id": lease.key, "epoch": lease.epoch}, [{"$set": {"expires_at": self._expiry}}]
        )
        if not renewed.matched_count:
            raise LeaseLostError(lease.key)

    def mend(self, lease: Lease) -> Lease:
        """Let every later holder know that this one mends.

        Raises ``LeaseLostError`` if the lease was taken over.
        """
        mending = self._checkpoints.update_one(
            {"_id": lease.key, "epoch": lease.epoch},
            [{"$set": {"mended": lease.epoch, "expires_at": self._expiry}}],
        )
        if not mending.matched_count:
            raise LeaseLostError(lease.key)
        return replace(lease, mended=lease.epoch)

    def release(self, lease: Lease) -> None:
        """Let the next holder in; nothing happens if the lease was lost already.

        If MongoDB is away, or loses this with a primary, this process can take the lease again all
        the same: an epoch that it has let go of, and nobody has raised since, is nobody's.
        """
        self.let_go([lease])
        self._hasty.update_one({"_id": lease.key, "epoch": lease.epoch}, {"$set": {"expires_at": LONG_AGO}})

    def let_go(self, leases: Iterable[Lease]) -> None:
        """Note that this process has no use for leases; only this process knows."""
        for one in leases:
            self._let_go[one.key] = max(one.epoch, self._let_go.get(one.key, 0))

    def release_all(self, leases: Sequence[Lease]) -> None:
        """Release several leases, at least one, in one step, as ``release`` does one."""
        self.let_go(leases)
        held = [{"_id": one.key, "epoch": one.epoch} for one in leases]
        self._hasty.update_many({"$or": held}, {"$set": {"expires_at": LONG_AGO}})

    def ask(self, owner: str, partition: int, generations: Collection[tuple[str, int]]) -> None:
        """Ask the holder of a partition of some generations for it, unless it was asked lately."""
        keys = [_key(name, generation, partition) for name, generation in generations]
        self._hasty.update_many(
            {"_id": {"$in": keys}, "$expr": {"$not": is_recent("$asked_at", ASK_MS)}},
            [{"$set": {"asked_by": owner, "asked_at": "$$NOW"}}],
        )

    def position(self, name: str, generation: int, partition: int) -> int:
        """Return the position of one checkpoint; 0 if there is none yet."""
        stored = self._checkpoints.find_one({"_id": _key(name, generation, partition)}, {"position": True})
        return stored["position"] if stored else 0

    def positions_at(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """Return the positions of some checkpoints, without those that are not there yet."""
        return self._positions({"_id": {"$in": [_key(*place) for place in places]}})

    def positions(self, partition: int | None = None) -> Mapping[Place, int]:
        """Return every checkpoint, or one partition's, by name, generation and partition."""
        return self._positions({} if partition is None else {"partition": partition})

    def _positions(self, where: Mapping[str, Any]) -> Mapping[Place, int]:
        return {
            (stored["name"], stored["generation"], stored["partition"]): stored["position"]
            for stored in self._checkpoints.find(where)
        }

    def note_error(self, name: str, generation: int, partition: int, error: str) -> None:
        """Keep the error that ended a run, beside the checkpoint."""
        self._checkpoints.update_one(
            {"_id": _key(name, generation, partition)},
            [{"$set": {"error": {"message": {"$literal": error}, "at": "$$NOW", "position": "$position"}}}],
        )

    def found(self, where: Mapping[str, Any] | None = None) -> list[Checkpoint]:
        """Return every checkpoint as it is now, or those that match."""
        held = {"$not": is_past("$expires_at")}
        asked = is_recent("$asked_at", ASK_MS)
        pipeline: list[Mapping[str, Any]] = [
            {"$match": where or {}},
            {"$set": {"held": held, "asked": asked}},
            {"$sort": {"_id": 1}},
        ]
        return [Checkpoint.from_stored(stored) for stored in self._checkpoints.aggregate(pipeline)]

    def is_followed_by_others(self, name: str, generation: int, partition: int) -> bool:
        """Return True if somebody has projected it within ``ALIVE_MS``."""
        where = {"_id": _key(name, generation, partition), "$expr": is_recent("$touched_at", ALIVE_MS)}
        return self._checkpoints.find_one(where, {"_id": True}) is not None

    def delete(self, name: str, generation: int) -> None:
        self._checkpoints.delete_many({"name": name, "generation": generation})

    def started(self, names: Iterable[str]) -> bool:
        """Return True if each of these read models has a checkpoint.

        That is so once the projections have run.
        """
        return set(names) <= set(self._checkpoints.distinct("name"))


def _key(name: str, generation: int, partition: int) -> str:
    return f"{name}.g{generation}/{partition}"
