"""A rebuild of all read models against raw ``insert_many`` of the documents that it makes.

The yardstick inserts the very documents, a thousand at a time from one thread, as durably, into collections
with no index but their own. The ratio is of the times for the same result, over all read models of orders
and customers. Models that count fold many events into few documents, which the yardstick does not have to.
The details tell each model apart, rebuilt by itself, once.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice

from pymongo.database import Database

from bus.connections.clients import StoredDocument, read_database, write_database
from read_side.generations.registry import FIRST, Registry
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure, at_least
from tests.benchmarks.rebuilding import TIMED, Apart, rebuild
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
        rebuild(apart)
        registry = Registry(reads)
        documents = {model.name: list(registry.collection(model.name, FIRST).find()) for model in TIMED}
        again = reads.client.get_database(INSERTED, write_concern=reads.write_concern)
        turns: dict[str, Callable[[], float]] = {
            "rebuild": partial(rebuild, apart),
            "insert": partial(_insert, again, documents),
        }
        took = {name: Samples.of(rounds) for name, rounds in interleaved(size.rounds, turns).items()}
        apiece = {
            model.name: (rebuild(apart, [model]), _insert(again, {model.name: documents[model.name]}))
            for model in TIMED
        }
        reads.client.drop_database(INSERTED)
        apart.drop()
    events = Samples.of(commits * len(TIMED) / each for each in took["rebuild"].values)
    inserted = Samples.of(sum(map(len, documents.values())) / each for each in took["insert"].values)
    return [
        Figure(
            *("rebuild_vs_insert", RATIO, took["insert"].over(took["rebuild"]), at_least(0.35)),
            about=f"{events} events folded/s, {inserted} documents inserted/s, {len(TIMED)} read models",
            details={
                "log": commits,
                "events_folded_per_s": events,
                "documents_inserted_per_s": inserted,
                "by_read_model": {
                    name: {
                        "documents": len(documents[name]),
                        "events_per_s": round(commits / rebuilding),
                        "documents_inserted_per_s": round(len(documents[name]) / inserting),
                        "ratio": round(inserting / rebuilding, 3),
                    }
                    for name, (rebuilding, inserting) in apiece.items()
                },
            },
        )
    ]


def _insert(database: Database[StoredDocument], documents: Mapping[str, list[StoredDocument]]) -> float:
    """Insert everything into new collections; return the seconds."""
    database.client.drop_database(database.name)
    began = time.perf_counter()
    for name, made in documents.items():
        rest = iter(made)
        while chunk := list(islice(rest, CHUNK)):
            database[name].insert_many(chunk, ordered=False)
    return time.perf_counter() - began
