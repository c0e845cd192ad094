"""Retries parked streams after a fix, when an operator says so.

The retry takes the lease from its holder: under load the lease would never be free. A runner that
loses its lease does no harm and comes back when its doorbell rings.
"""

from bus.log.log import Log
from read_side.errors import GenerationError, RebuildNeededError
from read_side.generations.registry import Registry, collection_name
from read_side.parked.mending import Mending
from read_side.parked.parking import Parked, Parking
from read_side.projections import by_name
from read_side.projector.checkpoints import Checkpoints


class ParkedRetry:
    """Retries parked streams in any generation of any read model."""

    def __init__(
        self, log: Log, registry: Registry, checkpoints: Checkpoints, parking: Parking, owner: str
    ) -> None:
        self._log = log
        self._registry = registry
        self._checkpoints = checkpoints
        self._parking = parking
        self._owner = owner

    def retry(self, parked: Parked) -> Parked | None:
        """Fold what a stream's read model missed of it; return ``None``, or where it stops now.

        Raises:
            RebuildNeededError: the read model can only be rebuilt.
            GenerationError: the generation is gone, or another version of the code folds it.
            LeaseLostError: somebody else took the lease meanwhile.
            LookupError: there is no such read model any more.

        """
        model = by_name(parked.name)
        if model.sources is None:
            raise RebuildNeededError(model.name)
        place = collection_name(model.name, parked.generation)
        registered = self._registry.entry(model.name).generations.get(parked.generation)
        if registered is not None and registered.version != model.version:
            raise GenerationError(f"{place} is of version {registered.version}, this code of {model.version}")
        lease = self._checkpoints.take_over(model.name, parked.generation, parked.partition, self._owner)
        if lease is None:
            raise GenerationError(f"{place} is gone")
        try:
            mending = Mending(
                log=self._log,
                checkpoints=self._checkpoints,
                parking=self._parking,
                model=model,
                generation=parked.generation,
                partition=parked.partition,
                collection=self._registry.collection(model.name, parked.generation),
                lease=lease,
            )
            for current in mending.confirmed():
                if current.stream == parked.stream:
                    return mending.mend(current)
            return None  # somebody was faster
        finally:
            self._checkpoints.release(lease)
