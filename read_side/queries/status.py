"""The progress of every generation of every read model in each partition, and what is wrong.

Positions are read before the heads, so a lag is never shown less than it is. All times are
mongod's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.log.log import Log
from read_side.generations.registry import COLLECTION, LIVE, STAYING, Generation, RegistryEntry, State
from read_side.parked.parking import Parking
from read_side.projections.model import ReadModel
from read_side.projector.checkpoint import Checkpoint
from read_side.projector.checkpoints import Checkpoints

MAX_LAG_S = 60.0
_Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a generation in one partition; ``parked`` counts its parked streams there.

    ``lag`` counts the commits that are not applied yet. ``lag_s`` is the age of the oldest of them
    in seconds, from when its command was accepted. ``rate`` is in commits a second, between two
    looks.
    """

    partition: int
    position: int
    head: int
    lag: int
    lag_s: float | None
    rate: float | None
    parked: int
    holder: str | None
    error: str | None
    error_at: datetime | None


@dataclass(frozen=True, slots=True)
class GenerationStatus:
    """One generation of a read model; ``state`` is ``live``, or what the registry says of it.

    ``this_version`` is the version of this code, ``null`` if the model is not in its table. If a
    model counts by days, ``time_zone`` is the zone whose days they are, and ``this_time_zone`` is
    the configured one. If the two differ, the model is to be rebuilt.
    """

    read_model: str
    generation: int
    state: str
    version: int
    this_version: int | None
    partitions: tuple[Progress, ...]
    time_zone: str | None = None
    this_time_zone: str | None = None

    def attention(self, max_lag_s: float) -> list[str]:
        """Return what an operator should do something about, one line each."""
        name = f"{self.read_model}.g{self.generation}"
        said = []
        if self.this_version is None:
            then = f"python -m read_side drop {name}"
            return [f"{name} is not in the table of read models; once no older code runs: {then}"]
        if self.state == LIVE and self.version != self.this_version:
            said.append(
                f"{name} was folded by version {self.version} of its code, this is {self.this_version}:"
                f" python -m read_side rebuild {self.read_model}"
            )
        elif self.state == LIVE and self.time_zone != self.this_time_zone:
            said.append(
                f"{name} counts by the days of {self.time_zone}, SHOP_TIME_ZONE is {self.this_time_zone}:"
                f" python -m read_side rebuild {self.read_model}"
            )
        if self.state == State.BUILDING.value:
            return said
        parked = sum(one.parked for one in self.partitions)
        if parked and self.state in STAYING:
            streams = "parked stream" if parked == 1 else "parked streams"
            said.append(f"{name} has {parked:,} {streams}: python -m read_side parked")
        for one in self.partitions:
            if one.position > one.head:
                said.append(
                    f"{name}/{one.partition} has read up to {one.position:,}, the log ends at {one.head:,}:"
                    " the write database is older than what this was built from"
                )
            if one.error is not None:
                said.append(f"{name}/{one.partition} failed: {one.error}")
            if one.lag and (one.lag_s is None or one.lag_s > max_lag_s):
                age = "an unknown time" if one.lag_s is None else f"{one.lag_s:,.0f} s"
                said.append(f"{name}/{one.partition} is {one.lag:,} commits and {age} behind")
        return said


class StatusReader:
    """Reads the status again and again; the rates are there from the second look on."""

    def __init__(self, log: Log, database: Database[StoredDocument], models: Iterable[ReadModel]) -> None:
        self._log = log
        self._database = database
        self._checkpoints = Checkpoints(database)
        self._parking = Parking(database)
        self._models = {model.name: model for model in models}
        self._last: tuple[datetime, Mapping[_Key, int]] | None = None

    def look(self) -> list[GenerationStatus]:
        """Return every generation, by name and number; the live one of a model comes first."""
        now: datetime = self._database.command("hello")["localTime"].replace(tzinfo=UTC)
        found = {(c.name, c.generation, c.partition): c for c in self._checkpoints.found()}
        heads = self._log.heads()
        parked = self._parking.counts_by_partition()
        entries = [RegistryEntry.from_stored(s) for s in self._database[COLLECTION].find(sort=[("_id", 1)])]
        statuses = [
            self._status(
                entry,
                generation,
                tuple(
                    self._progress(
                        found[entry.name, number, partition],
                        heads[partition],
                        parked.get((entry.name, number, partition), 0),
                        now,
                    )
                    for partition in range(self._log.partitions)
                    if (entry.name, number, partition) in found
                ),
            )
            for entry in entries
            for number, generation in sorted(
                entry.generations.items(), key=lambda item: (item[0] != entry.live, item[0])
            )
        ]
        self._last = now, {key: one.position for key, one in found.items()}
        return statuses

    def _status(
        self, entry: RegistryEntry, generation: Generation, partitions: tuple[Progress, ...]
    ) -> GenerationStatus:
        model = self._models.get(entry.name)
        return GenerationStatus(
            read_model=entry.name,
            generation=generation.number,
            state=entry.state_of(generation.number),
            version=generation.version,
            this_version=model.version if model else None,
            partitions=partitions,
            time_zone=generation.counted_in(model) if model else generation.time_zone,
            this_time_zone=model.time_zone if model else None,
        )

    def _progress(self, one: Checkpoint, head: int, parked: int, now: datetime) -> Progress:
        lag = max(0, head - one.position)
        return Progress(
            partition=one.partition,
            position=one.position,
            head=head,
            lag=lag,
            lag_s=self._age(one, now) if lag else 0.0,
            rate=self._rate(one, now),
            parked=parked,
            holder=one.holder,
            error=one.error,
            error_at=one.error_at,
        )

    def _age(self, one: Checkpoint, now: datetime) -> float | None:
        """Return the age in s of the oldest commit not applied; ``None`` while a gap hides it."""
        commits = self._log.read(one.partition, one.position, 1, state=False).commits
        if commits and commits[0].at is None:
            commits = self._log.read(one.partition, one.position, _FEW, state=False).commits
        accepted = next((commit.at for commit in commits if commit.at is not None), None)
        return None if accepted is None else max(0.0, (now - accepted).total_seconds())

    def _rate(self, one: Checkpoint, now: datetime) -> float | None:
        if self._last is None:
            return None
        then, positions = self._last
        seconds = (now - then).total_seconds()
        before = positions.get((one.name, one.generation, one.partition))
        return None if before is None or seconds <= 0 else (one.position - before) / seconds


_FEW = 20
"""The commits searched for a time if the first is a tombstone, which has none."""


def attention(statuses: Sequence[GenerationStatus], max_lag_s: float = MAX_LAG_S) -> list[str]:
    """Return everything that an operator should do something about, one line each."""
    return [line for status in statuses for line in status.attention(max_lag_s)]
