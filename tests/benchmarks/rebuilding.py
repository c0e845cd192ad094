"""Projecting a log from its beginning, in databases of its own.

``project`` is the one place that knows how: the projections' ordinary worker, started on a read database that
has nothing in it.
"""

import time
from dataclasses import dataclass

from pymongo import MongoClient

from bus.connections import Documents, read_database, write_database
from bus.log import Log
from bus.settings import Settings
from read_side.checkpoints import Checkpoints
from read_side.projections import READ_MODELS
from tests.benchmarks.stage import COPY_REDIS, Stage
from tests.waiting import until

WORKER = "projections-apart"
POLL_S = 0.02
START_S = 60.0
PATIENCE_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Apart:
    """A pair of databases on the stage's mongod, and a Redis database, that nobody else uses."""

    stage: Stage
    name: str

    @property
    def settings(self) -> Settings:
        return self.stage.settings.model_copy(
            update={
                "redis_url": self.stage.redis_url(COPY_REDIS),
                "write_database": f"{self.name}_write",
                "read_database": f"{self.name}_read",
            }
        )

    def drop(self, *, read_only: bool = False) -> None:
        with MongoClient[Documents](self.stage.mongod.uri) as mongo:
            mongo.drop_database(self.settings.read_database)
            if not read_only:
                mongo.drop_database(self.settings.write_database)


def project(apart: Apart) -> float:
    """Fill every read model, from nothing; return the seconds that it took, without the process's start."""
    apart.drop(read_only=True)
    settings = apart.settings
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        log, checkpoints = Log(writes, settings.log_partitions), Checkpoints(reads)
        heads = [log.head(partition) for partition in range(settings.log_partitions)]
        rows = len(READ_MODELS) * settings.log_partitions

        def is_projected() -> bool:
            positions = checkpoints.positions()
            return len(positions) == rows and all(
                position >= heads[partition] for (_, _, partition), position in positions.items()
            )

        worker = apart.stage.start(
            WORKER,
            *("read_side", "worker"),
            REDIS_URL=settings.redis_url,
            WRITE_DATABASE=settings.write_database,
            READ_DATABASE=settings.read_database,
        )
        try:
            until(lambda: len(checkpoints.positions()) == rows, START_S, "the worker has started", POLL_S)
            began = time.perf_counter()
            until(is_projected, PATIENCE_S, "every read model has all of the log", POLL_S)
            return time.perf_counter() - began
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{worker.tail()}") from None
        finally:
            worker.stop()
