"""Tells if a read model shows what happened: it has read that far and has not parked the stream.

Callers that look at the same time share a query, which is sent after each of them has asked
(``bus.primitives.group_commit``).
"""

from collections.abc import Sequence

from bus.primitives.group_commit import GroupCommit
from read_side.parked.parking import Parked, Parking
from read_side.projections import READ_MODELS
from read_side.projections.staleness import ParkedSince
from read_side.projector.checkpoints import Checkpoints, Place
from read_side.queries.parked_streams import ParkedLookup
from read_side.queries.store import ReadStore


class Visibility:
    """Tells what the live generations of the read models show."""

    def __init__(self, store: ReadStore, checkpoints: Checkpoints, parking: Parking) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._parking = parking
        self._parked_lookup = ParkedLookup(parking)
        self._parked: GroupCommit[int, list[Parked]] = GroupCommit(self._parked_for_all)
        self._positions: GroupCommit[Sequence[Place], list[int]] = GroupCommit(self._positions_for_all)

    def positions(self, places: Sequence[Place]) -> list[int]:
        """Return how far generations have read, in the order asked for."""
        return self._positions(places)

    def hiding(self, stream: str, partition: int, seq: int) -> set[tuple[str, int]]:
        """Return the generations (name, number) that parked a stream at or before a position."""
        return {
            (parked.name, parked.generation)
            for parked in self._parked(partition)
            if parked.stream == stream and parked.seq <= seq
        }

    def _parked_for_all(self, partitions: list[int]) -> list[list[Parked]]:
        found = {partition: self._parking.within(partition) for partition in set(partitions)}
        return [found[partition] for partition in partitions]

    def _positions_for_all(self, asked: list[Sequence[Place]]) -> list[list[int]]:
        found = self._checkpoints.positions_at({place for places in asked for place in places})
        return [[found.get(place, 0) for place in places] for places in asked]

    def parked(self, name: str, generation: int) -> list[Parked]:
        """Return what a generation has parked.

        If you read this after you found a position reached, it has all that is missing up to there:
        a stream is parked before the checkpoint moves on. If you read it before the documents, it
        has all that may be missing in them: a stream is unparked after they are written.
        """
        return self._parking.of(name, generation)

    def parked_since(self, name: str, generation: int) -> ParkedSince:
        """Return the streams and since when they are parked, as of a moment ago; next to free."""
        return self._parked_lookup.of(name, generation)

    def of(self, stream: str, partition: int, seq: int) -> dict[str, bool]:
        """Return, by read model, True if it shows what a stream had at a position."""
        live = {model.name: self._store.generation(model.name) for model in READ_MODELS}
        positions = self._checkpoints.positions(partition)
        lacking = self.hiding(stream, partition, seq)
        return {
            name: positions.get((name, generation, partition), 0) >= seq and (name, generation) not in lacking
            for name, generation in live.items()
        }
