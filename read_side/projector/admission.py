"""Decides which read models may take part in the joint pass of a partition, by the checkpoints.

Leases of one partition stay together in one process. A process that has none of them takes none
while another process has some. It also takes none while another process asks for the partition. A
read model that is far behind, or has a stream that is to be mended, which may take long, first does
that in a run of its own.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from read_side.projections.model import ReadModel
from read_side.projector.checkpoint import Checkpoint
from read_side.projector.context import BATCH, Generation, ProjectionContext

NEAR = BATCH
"""Commits: a generation that is not further behind the foremost one takes part."""

Found = Mapping[Generation, Checkpoint]
"""The checkpoints of one partition, for the generations that this process projects."""


class RunAdmission:
    """Admits the generations that this process projects, in one partition."""

    def __init__(self, context: ProjectionContext, models: Sequence[ReadModel], partition: int) -> None:
        self._context = context
        self._models = models
        self._partition = partition

    def projected(self) -> dict[Generation, ReadModel]:
        """Return the generations with their models: in table order, each live generation first."""
        registry = self._context.registry
        return {(model.name, number): model for model in self._models for number in registry.projected(model)}

    def silent(self, taking_part: Collection[Generation]) -> set[str]:
        """Return the read models of which every generation, of any code version, takes part."""
        registry = self._context.registry
        return {
            name
            for name in {name for name, _ in taking_part}
            if all(
                (name, number) in taking_part
                for number, generation in registry.entry(name).generations.items()
                if generation.is_projected
            )
        }

    def is_asked_for(self, found: Found | None = None) -> bool:
        """Return True if another process asks for the partition."""
        found = self._find() if found is None else found
        return any(one.asked_by not in {None, self._context.owner} for one in found.values())

    def candidates(
        self, taking_part: Mapping[Generation, int], *, is_left_alone: Callable[[Generation], bool]
    ) -> Iterator[tuple[Generation, ReadModel, bool]]:
        """Yield each generation that is absent and free, its model, and whether it may join.

        One that may not join has to catch up by itself. ``taking_part`` has the positions of those
        that take part.
        """
        wanted = [
            (key, model)
            for key, model in self.projected().items()
            if key not in taking_part and not is_left_alone(key)
        ]
        if not wanted:
            return
        found = self._find()
        if self.is_asked_for(found) or (not taking_part and self._is_elsewhere(found)):
            return
        parked = self._context.parking.within(self._partition)
        to_mend = {(one.name, one.generation) for one in parked if one.mending is not None}
        free = [(key, model, found[key].position) for key, model in wanted if self._is_free(found, key)]
        foremost = max([*taking_part.values(), *(position for *_, position in free)], default=0)
        for key, model, position in free:
            yield key, model, key not in to_mend and position >= foremost - NEAR

    def _find(self) -> Found:
        projected = self.projected()
        found = self._context.checkpoints.found({"partition": self._partition})
        return {key: one for one in found if (key := (one.name, one.generation)) in projected}

    def _is_free(self, found: Found, key: Generation) -> bool:
        return key in found and found[key].holder in {None, self._context.owner}

    def _is_elsewhere(self, found: Found) -> bool:
        return any(one.holder not in {None, self._context.owner} for one in found.values())
