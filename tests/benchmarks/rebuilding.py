"""Filling read models from a log's beginning, as a rebuild does it, in databases of their own.

It is the rebuild's own way of filling, all models side by side, by a pool of processes in parallel over the
partitions, and of making the indexes afterwards, but into the first generation: so there is no other to
compare with, no worker to hand over to, and what is measured is the folding and the writing.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pymongo import MongoClient

from bus.connections.clients import StoredDocument, read_database
from bus.settings import Settings
from read_side.generations.registry import FIRST, Registry
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projections.products import PRODUCTS
from read_side.projector.checkpoints import Checkpoints
from read_side.rebuild.filling_pool import FillingPool
from tests.benchmarks.stage import Stage

TIMED = tuple(model for model in READ_MODELS if model is not PRODUCTS)


@dataclass(frozen=True, slots=True)
class Apart:
    """A pair of databases on the stage's mongod that nobody else uses."""

    stage: Stage
    name: str

    @property
    def settings(self) -> Settings:
        names = {"write_database": f"{self.name}_write", "read_database": f"{self.name}_read"}
        return self.stage.settings.model_copy(update=names)

    def drop(self, *, read_only: bool = False) -> None:
        with MongoClient[StoredDocument](self.stage.mongod.uri) as mongo:
            mongo.drop_database(self.settings.read_database)
            if not read_only:
                mongo.drop_database(self.settings.write_database)


def rebuild(apart: Apart, models: Sequence[ReadModel] = TIMED) -> float:
    """Fill read models side by side, from nothing; return the seconds.

    Before that ``products`` is filled: with it the processes start.
    """
    apart.drop(read_only=True)
    settings = apart.settings
    reads = read_database(settings)
    with reads.client, FillingPool(settings) as pool:
        registry, checkpoints = Registry(reads), Checkpoints(reads)
        for model in (PRODUCTS, *models):
            registry.register(model)
            checkpoints.create(model.name, FIRST, settings.log_partitions)
        _fill(pool, registry, [PRODUCTS])
        seconds = _fill(pool, registry, models)
        registry.create(READ_MODELS)
    return seconds


def _fill(pool: FillingPool, registry: Registry, models: Sequence[ReadModel]) -> float:
    """As ``python -m read_side rebuild`` does it: together, each making its indexes in its own thread."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(models)) as threads:
        _ = list(threads.map(lambda model: registry.create_indexes(model, FIRST, to_fill=True), models))
        pool.finish(pool.start([(model.name, FIRST) for model in models]), lambda: None)
        _ = list(threads.map(lambda model: registry.create_indexes(model, FIRST), models))
    return time.perf_counter() - began
