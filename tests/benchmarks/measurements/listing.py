"""A customer's newest 20 orders, from the read model and computed from the log, in a small and a large log.

Both through the driver, in this process: the query alone. The logs are written directly and projected, and
stand side by side. First both sides must give the same answer.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.database import Database

from bus.connections.clients import StoredDocument, read_database, write_database
from read_side.projections import order_summary
from read_side.queries.store import ReadStore
from tests.benchmarks import storage
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure, at_least, at_most
from tests.benchmarks.rebuilding import Apart, rebuild
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.written_log import CUSTOMERS, WrittenLog
from tests.benchmarks.yardsticks import lookup

NAMES = ("list_vs_lookup", "list_p99_growth")
LIMIT = 20
READ_TIMES = 10
"""The read model is asked so many times as often, as its p99 counts."""

Page = Callable[[str], list[dict[str, Any]]]
"""A customer's newest orders."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One way to ask, at one size of the log."""

    name: str
    orders: int
    page: Page
    times: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A log of so many orders with its read models: the ways to ask, and what it takes."""

    orders: int
    ways: list[Asked]
    bytes_per_order: storage.Taken


def measure(cast: Cast, size: Size) -> list[Figure]:
    with ExitStack() as prepared:
        logs = [prepared.enter_context(_prepared(cast, orders, size)) for orders in size.listed]
        ways = [way for log in logs for way in log.ways]
        turns = {f"{way.name}_of_{way.orders}": partial(_milliseconds, way) for way in ways}
        measured = interleaved(size.rounds, turns)
    p50 = {way: Samples.of(each.median for each in rounds) for way, rounds in measured.items()}
    p99 = {way: Samples.of(each.percentile(99) for each in rounds) for way, rounds in measured.items()}
    small, large = size.listed
    shown, looked_up = p50[f"read_model_of_{large}"], p50[f"lookup_of_{large}"]
    of_few = p50[f"lookup_of_few_of_{large}"].over(shown)
    before, after = p99[f"read_model_of_{small}"], p99[f"read_model_of_{large}"]
    return [
        Figure(
            *("list_vs_lookup", RATIO, looked_up.over(shown), at_least(20)),
            about=f"{shown} ms against {looked_up} of {large:,} orders ({of_few} {RATIO} the lookup of few)",
            details={"against_lookup_of_few": of_few, "p50_ms": p50},
        ),
        Figure(
            *("list_p99_growth", RATIO, after.over(before), at_most(1.3)),
            about=f"{before} ms of {small:,}, {after} ms of {large:,} orders",
            details={"p99_ms": p99, "bytes_per_order": {log.orders: log.bytes_per_order for log in logs}},
        ),
    ]


@contextmanager
def _prepared(cast: Cast, orders: int, size: Size) -> Iterator[Prepared]:
    """A log of so many orders with its read models, as long as it is needed, and the ways to ask."""
    apart = Apart(cast.stage, f"listed_{orders}")
    settings = apart.settings
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        WrittenLog(writes, settings.log_partitions).write(orders)
        lookup.create_indexes(writes)
        rebuild(apart)
        pages = _pages(writes, ReadStore(reads), settings.log_partitions)
        _check(pages, orders)
        ways = [
            Asked(name, orders, page, size.lists * (READ_TIMES if name == "read_model" else 1))
            for name, page in pages.items()
        ]
        yield Prepared(orders, ways, storage.bytes_per_order((writes, reads), orders))
        apart.drop()


def _pages(writes: Database[StoredDocument], store: ReadStore, partitions: int) -> dict[str, Page]:
    model = order_summary.ORDER_SUMMARY.name

    def read_model(customer_id: str) -> list[dict[str, Any]]:
        documents = store.live(model).documents
        wanted = order_summary.Filter(customer_id=customer_id)
        return order_summary.page(documents, wanted, limit=LIMIT).documents

    return {
        "read_model": read_model,
        "lookup": lambda customer_id: lookup.page(writes, partitions, customer_id, LIMIT),
        "lookup_of_few": lambda customer_id: lookup.page_of_few(writes, partitions, customer_id, LIMIT),
    }


def _check(pages: dict[str, Page], orders: int) -> None:
    """Raise ``AssertionError`` unless all give the same answer, of as many orders as there should be."""
    customer_id = CUSTOMERS[3]
    answers = {name: page(customer_id) for name, page in pages.items()}
    expected = answers["read_model"]
    different = [name for name, answer in answers.items() if answer != expected]
    if different or len(expected) != min(LIMIT, -(-(orders - 3) // len(CUSTOMERS))):
        raise AssertionError(f"{different} answer something else than {expected}: {answers}")


def _milliseconds(way: Asked) -> Samples:
    """Of pages of customers at random; the first few are not counted."""
    customers = random.Random(6)
    for _ in range(max(1, way.times // 10)):
        way.page(customers.choice(CUSTOMERS))
    took = []
    for _ in range(way.times):
        customer_id = customers.choice(CUSTOMERS)
        began = time.perf_counter()
        way.page(customer_id)
        took.append(1000 * (time.perf_counter() - began))
    return Samples.of(took)
