"""Whether a read model shows what happened: it has read that far, and has not set the stream aside."""

from read_side.checkpoints import Checkpoints
from read_side.parking import Parking
from read_side.projections import READ_MODELS
from read_side.store import ReadStore


class Visibility:
    """What the live generations of the read models show."""

    def __init__(self, store: ReadStore, checkpoints: Checkpoints, parking: Parking) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._parking = parking

    def reached(self, name: str, generation: int, partition: int, seq: int) -> bool:
        """Whether a generation has read up to a position."""
        return self._checkpoints.position(name, generation, partition) >= seq

    def set_aside(self, name: str, generation: int, partition: int, seq: int) -> frozenset[str]:
        """The parked streams of which a generation lacks events up to a position."""
        parked = self._parking.streams(name, generation, partition)
        return frozenset(stream for stream, since in parked.items() if since <= seq)

    def of(self, stream: str, partition: int, seq: int) -> dict[str, bool]:
        """By read model, whether it shows what a stream had at a position."""
        live = {model.name: self._store.generation(model.name) for model in READ_MODELS}
        positions = self._checkpoints.positions(partition)
        return {
            name: positions.get((name, generation, partition), 0) >= seq
            and stream not in self.set_aside(name, generation, partition, seq)
            for name, generation in live.items()
        }
