"""Streams that a read model has parked, because one of their events could not be folded.

Later events of a parked stream stay behind the one that failed; all other streams flow on. The
checkpoint moves past the event only when it is parked. So a process that finds a checkpoint beyond
the event finds the event parked here as well.

Only the holder of the lease may change what is parked, and it may lose the lease between its last
look at it and its write. So it makes each change in steps, and the last step matches nothing once a
later holder has begun. The holder parks a stream tentatively, renews the lease, and then confirms
the parking. A tentative parking counts for nobody. The next holder drops it, and after that it
cannot be confirmed. A stream that is being mended is marked with the mender's epoch. The next
holder puts its own epoch there before anything else, and after that the former mender cannot end
the mending.

A parking only ever moves back, to an earlier position. Events behind the first fault have not been
folded, so a second fault there changes nothing. The update itself asks for a later position than
the one it sets. A move back is proposed and confirmed like a new parking (``back``), so that a
holder that lost its lease cannot park what the next one has folded. Only mending moves a parking
up. It may do so, because it has written everything before the new position into the documents, and
its mark says that no later holder has begun.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from bus.connections.clients import DURABLE, StoredDocument
from read_side.errors import LeaseLostError
from read_side.projector.checkpoints import Lease

_CONFIRMED = {"tentative": {"$exists": False}}


@dataclass(frozen=True, slots=True)
class Parked:
    """A stream that a generation of a read model has parked from position ``seq`` on."""

    name: str
    generation: int
    partition: int
    stream: str
    seq: int
    since: datetime
    error: str
    mending: int | None = None
    """The epoch of the lease under which somebody began to mend; 0 if that was only asked for."""

    @property
    def key(self) -> str:
        return _key(self.name, self.generation, self.stream)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            name=stored["name"],
            generation=stored["generation"],
            partition=stored["partition"],
            stream=stored["stream"],
            seq=stored["seq"],
            since=stored["since"],
            error=stored["error"],
            mending=stored.get("mending"),
        )


class Parking:
    """The parked streams in one read database."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._parked = database.get_collection("parked", write_concern=DURABLE)

    def every(self, limit: int = 0) -> list[Parked]:
        """Return all, or at most ``limit``, by read model, generation, partition and position."""
        order = [("name", 1), ("generation", 1), ("partition", 1), ("seq", 1)]
        found = self._parked.find(_CONFIRMED).sort(order).limit(limit)
        return [Parked.from_stored(stored) for stored in found]

    def find(self, parked: Parked) -> Parked | None:
        """Return the same stream as it is now; ``None`` if it is not parked any more."""
        stored = self._parked.find_one({"_id": parked.key, **_CONFIRMED})
        return Parked.from_stored(stored) if stored else None

    def of_stream(self, stream: str, name: str | None = None) -> list[Parked]:
        """Return a stream in every generation that has parked it, of one read model or of all."""
        return self._found({"stream": stream} if name is None else {"name": name, "stream": stream})

    def marked(self) -> list[Parked]:
        """Return the streams that are being mended, or are to be."""
        return self._found({"mending": {"$exists": True}})

    def of(self, name: str, generation: int, partition: int | None = None) -> list[Parked]:
        """Return the parked streams of one generation, or of one partition of it."""
        where: StoredDocument = {"name": name, "generation": generation}
        return self._found(where if partition is None else {**where, "partition": partition})

    def within(self, partition: int) -> list[Parked]:
        """Return the parked streams of all read models in a partition."""
        return self._found({"partition": partition})

    def streams(self, name: str, generation: int, partition: int) -> dict[str, int]:
        """Return what a generation has parked in a partition: the streams, and from where on."""
        return positions(self.of(name, generation, partition))

    def counts(self) -> Mapping[tuple[str, int], int]:
        """Return how many streams are parked, by name and generation; a missing key means none."""
        by = {"_id": {"name": "$name", "generation": "$generation"}, "streams": {"$sum": 1}}
        return {
            (found["_id"]["name"], found["_id"]["generation"]): found["streams"]
            for found in self._parked.aggregate([{"$match": _CONFIRMED}, {"$group": by}])
        }

    def counts_by_partition(self) -> Mapping[tuple[str, int, int], int]:
        """Return how many streams are parked, by name, generation and partition."""
        fields = ("name", "generation", "partition")
        by = {"_id": {field: f"${field}" for field in fields}, "streams": {"$sum": 1}}
        return {
            (found["_id"]["name"], found["_id"]["generation"], found["_id"]["partition"]): found["streams"]
            for found in self._parked.aggregate([{"$match": _CONFIRMED}, {"$group": by}])
        }

    def _found(self, where: StoredDocument) -> list[Parked]:
        return [Parked.from_stored(stored) for stored in self._parked.find({**where, **_CONFIRMED})]

    def confirmed(self, name: str, generation: int, partition: int, lease: Lease) -> list[Parked]:
        """Return the parked streams, by position, for a new holder of the lease.

        Unconfirmed parkings of earlier holders are deleted: no document was written without those
        streams, and the error will be met again. Those of later holders stay, in case the lease is
        lost already.
        """
        where = {"name": name, "generation": generation, "partition": partition}
        found = list(self._parked.find(where))
        if any("tentative" in stored or "back" in stored for stored in found):
            self._parked.delete_many({**where, "tentative": True, "epoch": {"$lt": lease.epoch}})
            self._parked.update_many(
                {**where, "back.epoch": {"$lt": lease.epoch}}, {"$unset": {"back": True}}
            )
            found = list(self._parked.find(where))  # one may have been confirmed just before
        confirmed = (Parked.from_stored(stored) for stored in found if "tentative" not in stored)
        return sorted(confirmed, key=lambda parked: parked.seq)

    def park(  # noqa: PLR0913 - what a report on it has to say, and the lease
        self,
        name: str,
        generation: int,
        partition: int,
        *,
        stream: str,
        seq: int,
        error: str,
        was: int | None,
        epoch: int,
        renew: Callable[[], None],
    ) -> None:
        """Park a stream from a position on.

        ``was`` is the position from which, as the holder of the lease knows, the stream is parked
        already. If that is not later than ``seq``, nothing is to be done.

        Raises:
            LeaseLostError: from ``renew``, or because somebody else has parked it, or dropped this.

        """
        key = _key(name, generation, stream)
        if was is not None:
            self._move_back(key, was, seq, error, epoch, renew)
            return
        proposed = {"name": name, "generation": generation, "partition": partition, "stream": stream}
        proposed |= {"seq": seq, "error": error, "epoch": epoch, "tentative": True}
        tentative = {"_id": key, "epoch": epoch, "tentative": True}
        self._propose(key, proposed)
        try:
            renew()
        except LeaseLostError:
            self._parked.delete_one(tentative)
            raise
        self._change(tentative, {"$unset": {"tentative": True}})

    def _move_back(  # noqa: PLR0913, PLR0917 - as for ``park``
        self, key: str, was: int, seq: int, error: str, epoch: int, renew: Callable[[], None]
    ) -> None:
        """Park a stream from earlier on than another build did; both are beyond the checkpoint."""
        if was <= seq:
            return
        later = {"_id": key, "seq": {"$eq": was, "$gt": seq}, **_CONFIRMED}
        self._change(later, {"$set": {"back": {"seq": seq, "epoch": epoch}}})
        renew()
        confirmed = {"$set": {"seq": seq, "error": error}, "$unset": {"back": True}}
        self._change({**later, "back": {"seq": seq, "epoch": epoch}}, confirmed)

    def _propose(self, key: str, proposed: StoredDocument) -> None:
        try:
            self._parked.update_one(
                {"_id": key, "seq": {"$exists": False}},
                {"$setOnInsert": proposed, "$currentDate": {"since": True}},
                upsert=True,
            )
        except DuplicateKeyError as error:
            raise LeaseLostError(key) from error

    def mark(self, parked: Parked, epoch: int) -> None:
        """Mark a stream as being mended. Raises ``LeaseLostError`` if it is not as it was read."""
        as_read = {"_id": parked.key, "seq": parked.seq, "mending": parked.mending}  # null: no such field
        self._change({**as_read, **_CONFIRMED}, {"$set": {"mending": epoch}})

    def keep(self, parked: Parked, epoch: int, *, seq: int, error: str) -> None:
        """End the mending; the stream stays parked, from ``seq`` on, because of ``error``.

        Nothing else may move a parking up: the documents have everything before ``seq`` by now.
        """
        change = {"$set": {"seq": seq, "error": error}, "$unset": {"mending": True}}
        self._change({"_id": parked.key, "mending": epoch}, change)

    def unpark(self, parked: Parked, epoch: int) -> None:
        """End the mending: everything is folded."""
        if not self._parked.delete_one({"_id": parked.key, "mending": epoch}).deleted_count:
            raise LeaseLostError(parked.key)

    def delete(self, name: str, generation: int) -> None:
        """Forget what a generation had parked: it is being deleted."""
        self._parked.delete_many({"name": name, "generation": generation})

    def _change(self, where: StoredDocument, change: StoredDocument) -> None:
        if not self._parked.update_one(where, change).matched_count:
            raise LeaseLostError(str(where["_id"]))


def positions(parked: Iterable[Parked]) -> dict[str, int]:
    """Return the streams, and from which position on each is parked."""
    return {one.stream: one.seq for one in parked}


def _key(name: str, generation: int, stream: str) -> str:
    return f"{name}.g{generation}/{stream}"
