"""Whether a read model shows what happened: it has read that far, and has not set the stream aside."""

from read_side.aside import SetAside
from read_side.checkpoints import Checkpoints
from read_side.parked.parking import Parked, Parking
from read_side.projections import READ_MODELS
from read_side.projections.staleness import Aside
from read_side.store import ReadStore


class Visibility:
    """What the live generations of the read models show."""

    def __init__(self, store: ReadStore, checkpoints: Checkpoints, parking: Parking) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._parking = parking
        self._set_aside = SetAside(parking)

    def reached(self, name: str, generation: int, partition: int, seq: int) -> bool:
        """Whether a generation has read up to a position."""
        return self._checkpoints.position(name, generation, partition) >= seq

    def parked(self, name: str, generation: int) -> list[Parked]:
        """What a generation has set aside.

        Read after a position was found ``reached``, it has all that is missing up to there: a stream is
        parked before the checkpoint moves on. Read before the documents, it has all that may be missing
        in them: a stream is unparked after they are written.
        """
        return self._parking.of(name, generation)

    def aside(self, name: str, generation: int) -> Aside:
        """The same, as it was a moment ago; next to free."""
        return self._set_aside.of(name, generation)

    def of(self, stream: str, partition: int, seq: int) -> dict[str, bool]:
        """By read model, whether it shows what a stream had at a position."""
        live = {model.name: self._store.generation(model.name) for model in READ_MODELS}
        positions = self._checkpoints.positions(partition)
        lacking = {
            (parked.name, parked.generation)
            for parked in self._parking.within(partition)
            if parked.stream == stream and parked.seq <= seq
        }
        return {
            name: positions.get((name, generation, partition), 0) >= seq and (name, generation) not in lacking
            for name, generation in live.items()
        }
