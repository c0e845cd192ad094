"""All processes' counts in an installation: the ``metrics`` collection of the write database.

Every process keeps its counts in a document of its own, a slot. It writes the slot every 2 s and
when it stops. ``/metrics`` shows the sum of all slots, whichever API process is asked. No files and
no ports can clash, and any number of hosts may take part. The counts of a killed process stay: its
slot is not removed, and the next process that starts adopts it and counts on from there. So there
are never more slots than there were processes at once.

The sum never goes down. Prometheus would take a lower sum for a restart, and show a burst that
never was. A slot has one owner. Adopting a slot changes the owner and no count. A write is refused
if it is not the owner's, or not newer than the last one. An owner only ever counts up. So no slot
goes down, and neither does the sum of all, though they are read one after another. Writes are as
durable as the log, and reads have majority concern: a ``kill -9`` of mongod takes back nothing that
was shown.

What it costs: a killed process takes up to 2 s of its counts with it. A process that was stopped
for so long that its slot was adopted takes another slot, and brings into it what it had not
written. A write whose answer was lost counts as written. These are figures for an overview; the
exact outcome of each command is in the log and the inbox.
"""

import uuid
from dataclasses import dataclass

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from bus.connections.clients import DURABLE, StoredDocument
from bus.observability.metrics import Counts, Metrics, added, negated
from bus.primitives.database_time import is_recent

EXPIRY_MS = 30_000
"""The milliseconds of silence after which a slot may be adopted."""


class Slots:
    """The slots of one installation."""

    def __init__(self, database: Database[StoredDocument], expiry_ms: int = EXPIRY_MS) -> None:
        self._slots = database.get_collection(
            "metrics", write_concern=DURABLE, read_concern=ReadConcern("majority")
        )
        self._expired = {"$expr": {"$not": is_recent("$seen_at", expiry_ms)}}

    def total(self) -> Counts:
        """Return what all processes have counted, ended ones included."""
        return added(*(_from_stored(stored) for stored in self._slots.find({}, {"counts": True})))

    def adopt(self) -> "Slot":
        """Take over a slot that no process has any more, or make one."""
        owner = uuid.uuid4().hex
        mine = {"$set": {"owner": owner, "beat": 0}, "$currentDate": {"seen_at": True}}
        taken = self._slots.find_one_and_update(
            {"$or": [{"owner": None}, self._expired]}, mine, return_document=ReturnDocument.AFTER
        )
        if taken is not None:
            return Slot(taken["_id"], owner, _from_stored(taken))
        self._slots.update_one({"_id": owner}, mine, upsert=True)
        return Slot(owner, owner, {})

    def write(self, slot: "Slot", beat: int, counts: Counts, *, release: bool = False) -> bool:
        """Write what a slot holds from now on; return False if it is not the owner's any more."""
        update = {"counts": _to_stored(counts), "beat": beat, **({"owner": None} if release else {})}
        written = self._slots.update_one(
            {"_id": slot.id, "owner": slot.owner, "beat": {"$lt": beat}},
            {"$set": update, "$currentDate": {"seen_at": True}},
        )
        return bool(written.matched_count)


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot as adopted. Each owner has a new name, so no late write of an earlier one counts."""

    id: str
    owner: str
    held: Counts


class MetricsPublisher:
    """Writes the counts of this process into its slot; one thread calls it."""

    def __init__(self, slots: Slots, metrics: Metrics) -> None:
        self._slots = slots
        self._metrics = metrics
        self._beat = 0
        self._slot: Slot | None = None
        self._before: Counts = {}
        """The slot's counts besides this process's own."""
        self._written: Counts = {}
        """This process's own counts as last sent to a slot."""

    def beat(self) -> None:
        self._publish(release=False)

    def end(self) -> None:
        """Write the last counts and leave the slot to the next process."""
        self._publish(release=True)
        self._slot = None

    def _publish(self, *, release: bool) -> None:
        own = self._metrics.snapshot()
        if self._slot is not None and self._write(self._slot, own, release=release):
            return
        self._slot = self._slots.adopt()
        self._before = added(self._slot.held, negated(self._written))
        self._write(self._slot, own, release=release)

    def _write(self, slot: Slot, own: Counts, *, release: bool) -> bool:
        self._beat += 1
        before, self._written = self._written, own
        arrived = self._slots.write(slot, self._beat, added(self._before, own), release=release)
        if not arrived:
            self._written = before
        return arrived


def _to_stored(counts: Counts) -> list[StoredDocument]:
    return [
        {"name": name, "labels": list(labels), "counts": numbers}
        for (name, labels), numbers in counts.items()
    ]


def _from_stored(stored: StoredDocument) -> Counts:
    return {(part["name"], tuple(part["labels"])): part["counts"] for part in stored.get("counts", ())}
