"""A rebuild against raw ``insert_many`` of the documents that it makes.

The yardstick inserts the very documents, a thousand at a time from one thread, as durably, into collections
with no index but their own. The ratio is of the times for the same result. Counting models fold many events
into few documents, which the yardstick does not have to.
"""

import time
from functools import partial
from itertools import islice

from pymongo.database import Database

from bus.connections import Documents, read_database, write_database
from read_side.projections import READ_MODELS
from read_side.registry import FIRST, Registry
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure, at_least
from tests.benchmarks.rebuilding import Apart, project
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.written_log import WrittenLog

NAMES = ("rebuild_vs_insert",)
CHUNK = 1_000
INSERTED = "inserted_again"


def measure(cast: Cast, size: Size) -> list[Figure]:
    apart = Apart(cast.stage, "rebuilt")
    settings = apart.settings
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        commits = WrittenLog(writes, settings.log_partitions).write(size.rebuilt)
        project(apart)
        registry = Registry(reads)
        documents = {model.name: list(registry.collection(model.name, FIRST).find()) for model in READ_MODELS}
        again = reads.client.get_database(INSERTED, write_concern=reads.write_concern)
        turns = {"rebuild": partial(project, apart), "insert": partial(insert, again, documents)}
        seconds = interleaved(size.rounds, turns)
        reads.client.drop_database(INSERTED)
        apart.drop()
    events = Samples.of(commits / each for each in seconds["rebuild"])
    inserted = sum(map(len, documents.values()))
    return [
        Figure(
            *("rebuild_vs_insert", RATIO),
            Samples.of(seconds["insert"]).over(Samples.of(seconds["rebuild"])),
            at_least(0.3),
            about=f"{events} events/s into every read model",
            details={
                "events_per_s": events,
                "events_times_models_per_s": Samples.of(
                    commits * len(READ_MODELS) / each for each in seconds["rebuild"]
                ),
                "documents_inserted_per_s": Samples.of(inserted / each for each in seconds["insert"]),
                "events": commits,
                "documents": {name: len(made) for name, made in documents.items()},
            },
        )
    ]


def insert(database: Database[Documents], documents: dict[str, list[Documents]]) -> float:
    """Insert everything into new collections; return the seconds."""
    database.client.drop_database(database.name)
    began = time.perf_counter()
    for name, made in documents.items():
        rest = iter(made)
        while chunk := list(islice(rest, CHUNK)):
            database[name].insert_many(chunk, ordered=False)
    return time.perf_counter() - began
