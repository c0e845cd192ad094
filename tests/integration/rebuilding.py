"""Rebuilds in the test's own process, with workers that answer a bell while it is being rung."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.log.commit import RecordedEvent
from bus.log.log import Log
from read_side.generations.generations import Generations
from read_side.generations.retirement import Retirement
from read_side.projections import READ_MODELS
from read_side.projections.model import Document, ReadModel
from read_side.rebuild import handover
from read_side.rebuild.filling import fill_partition
from read_side.rebuild.rebuild import Rebuild, RebuildTools, Rebuilt
from tests.integration.sides import LONG_AGO, PARTITIONS, ReadSide

NOBODY_S = 3.0
"""When nobody follows, so long it takes to be sure: longer than a busy machine lets one that does wait."""


def changed(model: ReadModel) -> ReadModel:
    """The same model in the next version of its code: every document says which."""
    version = model.version + 1

    def fold(document: Document, recorded: RecordedEvent) -> Document:
        return {**model.fold(document, recorded), "folded_by": version}

    return replace(model, version=version, fold=fold)


class Worker(ReadSide):
    """A projections' worker with a table of its own; a bell is answered at once."""

    def __init__(
        self, log: Log, database: Database[StoredDocument], models: Iterable[ReadModel] = READ_MODELS
    ) -> None:
        super().__init__(log, database)
        self.models = {model.name: model for model in models}

    def start(self) -> None:
        self.registry.create(self.models.values())
        self.registry.forget()
        for model in self.models.values():
            for generation in self.registry.projected(model):
                self.checkpoints.create(model.name, generation, PARTITIONS)

    def ring(self, bells: Iterable[tuple[str, int]]) -> int:
        """Answer each bell for every generation that this worker projects."""
        for name, partition in bells:
            self.registry.forget()
            if model := self.models.get(name):
                for generation in self.registry.projected(model):
                    self.projector.run(model, generation, partition)
        return 0

    def ring_for_all(self) -> None:
        self.ring((name, partition) for name in self.models for partition in range(PARTITIONS))


class Bells:
    """Every worker of an installation hears them; none is silent."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self.workers = tuple(workers)

    def ring(self, bells: Iterable[tuple[str, int]], *, insist: bool = False) -> int:
        bells = list(bells)
        for worker in self.workers:
            worker.ring(bells)
        return 0


class Rebuilding:
    """What one ``python -m read_side rebuild`` is made of."""

    def __init__(
        self,
        log: Log,
        database: Database[StoredDocument],
        workers: Iterable[Worker] = (),
        *,
        lease_ms: int = 10_000,
        retire_s: float = 600,
        leave_s: float = 60,
    ) -> None:
        self.read = ReadSide(log, database, lease_ms=lease_ms)
        self.context = replace(self.read.context, owner="rebuild")
        self.generations = Generations(database, lease_ms=lease_ms, retire_s=retire_s, leave_s=leave_s)
        self.retirement = Retirement(database, self.generations, self.read.checkpoints, "rebuild")
        self.stopping = threading.Event()
        self.tools = RebuildTools(
            log=log,
            registry=self.read.registry,
            generations=self.generations,
            checkpoints=self.read.checkpoints,
            parking=self.read.parking,
            retirement=self.retirement,
            doorbells=Bells(workers),  # type: ignore[arg-type]
            fill=self.fill,
            stopping=self.stopping,
            lease_ms=lease_ms,
        )

    def fill(self, model: ReadModel, generation: int, tick: Callable[[], None]) -> None:
        for partition in range(PARTITIONS):
            tick()
            fill_partition(self.context, model, generation, partition)

    def run(self, model: ReadModel, **options: bool) -> Rebuilt:
        return Rebuild(self.tools, model).run(**options)

    def documents(self, model: ReadModel, generation: int) -> dict[str, StoredDocument]:
        found = self.read.registry.collection(model.name, generation).find()
        return {document["_id"]: document for document in found}

    def registered(self, name: str) -> dict[int, str]:
        """The generations there are, and what the registry says of each; ``live`` of the live one."""
        entry = self.generations.entry(name)
        return {
            number: "live" if number == entry.live else generation.state.value
            for number, generation in entry.generations.items()
        }

    def expire_leases(self) -> None:
        """What the death of a rebuild and enough time come to."""
        self.read.expire_leases()
        expired = {"$set": {"rebuild.expires_at": LONG_AGO}}
        self.read.database.read_models.update_many({"rebuild": {"$exists": True}}, expired)


@contextmanager
def quick() -> Iterator[None]:
    """These workers look at the registry with every bell: nothing has to be waited for."""
    with (
        mock.patch.object(handover, "LEARNED_S", 0.0),
        mock.patch.object(handover, "FOLLOWED_S", NOBODY_S),
        mock.patch.object(handover, "CAUGHT_UP_S", NOBODY_S),
        mock.patch.object(handover, "RING_EVERY_S", 0.0),
        mock.patch.object(handover, "POLL_S", 0.001),
    ):
        yield
