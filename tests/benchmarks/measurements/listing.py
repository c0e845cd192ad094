"""A customer's newest 20 orders, from the read model and computed from the log, in a small and a large log.

Both through the driver, in this process: the query alone. The logs are written directly and projected. First
both sides must give the same answer.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.database import Database

from bus.connections import Documents, read_database, write_database
from read_side.projections import order_summary
from read_side.store import ReadStore
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

Page = Callable[[str], list[dict[str, Any]]]
"""A customer's newest orders."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Milliseconds per page at one size of the log: medians of the rounds, and p99 of each."""

    orders: int
    p50: dict[str, Samples]
    p99: dict[str, Samples]


def measure(cast: Cast, size: Size) -> list[Figure]:
    small, large = (_listed(cast, orders, size) for orders in size.listed)
    ratios = {name: large.p50[name].over(large.p50["read_model"]) for name in large.p50}
    details = {
        f"{name}_ms_{part}_at_{at.orders}": values[name]
        for at in (small, large)
        for part, values in (("p50", at.p50), ("p99", at.p99))
        for name in values
    }
    of_few = ratios["lookup_of_few"]
    p99 = {at.orders: at.p99["read_model"] for at in (small, large)}
    return [
        Figure(
            *("list_vs_lookup", RATIO, ratios["lookup"], at_least(20)),
            about=f"{large.p50['read_model']} ms against {large.p50['lookup']} of {large.orders:,} orders"
            f" ({of_few} {RATIO} against the lookup of few)",
            details={"orders": large.orders, "against_lookup_of_few": of_few, **details},
        ),
        Figure(
            *("list_p99_growth", RATIO, p99[large.orders].over(p99[small.orders]), at_most(1.3)),
            about=", ".join(f"{milliseconds} ms of {orders:,}" for orders, milliseconds in p99.items()),
            details={"from_orders": small.orders, "to_orders": large.orders},
        ),
    ]


def _listed(cast: Cast, orders: int, size: Size) -> Listed:
    apart = Apart(cast.stage, f"listed_{orders}")
    settings = apart.settings
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        WrittenLog(writes, settings.log_partitions).write(orders)
        lookup.create_indexes(writes)
        rebuild(apart)
        pages = _pages(writes, ReadStore(reads), settings.log_partitions)
        _check(pages, orders)
        turns = {name: partial(_milliseconds, page, size.lists) for name, page in pages.items()}
        measured = interleaved(size.rounds, turns)
        apart.drop()
    return Listed(
        orders,
        {name: Samples.of(each.median for each in rounds) for name, rounds in measured.items()},
        {name: Samples.of(each.percentile(99) for each in rounds) for name, rounds in measured.items()},
    )


def _pages(writes: Database[Documents], store: ReadStore, partitions: int) -> dict[str, Page]:
    model = order_summary.ORDER_SUMMARY.name

    def read_model(customer_id: str) -> list[dict[str, Any]]:
        documents = store.live(model).documents
        return order_summary.page(documents, customer_id=customer_id, limit=LIMIT).documents

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


def _milliseconds(page: Page, times: int) -> Samples:
    """Of pages of customers at random; the first few are not counted."""
    customers = random.Random(6)
    for _ in range(max(1, times // 10)):
        page(customers.choice(CUSTOMERS))
    took = []
    for _ in range(times):
        customer_id = customers.choice(CUSTOMERS)
        began = time.perf_counter()
        page(customer_id)
        took.append(1000 * (time.perf_counter() - began))
    return Samples.of(took)
