"""What both analytics take over any range of days, at 1,000 products that sell every day for three years.

Through the driver, in this process: the query alone, which the API bounds by 2.5 s. Ranges that cut a month
at both ends, where the month's own sums are of no use, are asked for as well as whole ones.
"""

import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any, get_args

from bus.connections.clients import read_database
from read_side.generations.registry import FIRST, Registry
from read_side.projections import order_analytics, product_sales
from read_side.projections.days import By
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.product_sales import PRODUCT_SALES
from read_side.queries.store import CollectionDocuments
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.rebuilding import Apart
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.sold_years import SoldYears

NAMES = ("analytics_products_ms", "analytics_orders_ms")
LIMIT = 10
MOST_MS = 1_000
"""Well below the deadline, since others ask mongod for something at the same time."""

Ask = Callable[[], dict[str, list[dict[str, Any]]]]


def measure(cast: Cast, size: Size) -> list[Figure]:
    apart = Apart(cast.stage, "analytics")
    reads = read_database(apart.settings)
    with reads.client:
        registry = Registry(reads)
        registry.create([ORDER_ANALYTICS, PRODUCT_SALES])
        orders, sales = (registry.collection(model.name, FIRST) for model in (ORDER_ANALYTICS, PRODUCT_SALES))
        sold = SoldYears(size.sold_products, size.sold_days)
        sold.write([(ORDER_ANALYTICS, orders), (PRODUCT_SALES, sales)])
        of_products = _sales(CollectionDocuments(sales), sold)
        of_orders = _orders(CollectionDocuments(orders))
        _check(of_products, of_orders, sold)
        measured = interleaved(
            size.rounds,
            {name: partial(_milliseconds, ask) for name, ask in (of_products | of_orders).items()},
        )
        taken = {"documents": sales.estimated_document_count(), "lines": sold.lines}
        taken |= {"bytes": reads.command("collStats", sales.name)["size"]}
        apart.drop()
    ms = {name: Samples.of(rounds) for name, rounds in measured.items()}
    return [
        _figure("analytics_products_ms", {name: ms[name] for name in of_products}, taken),
        _figure("analytics_orders_ms", {name: ms[name] for name in of_orders}, {}),
    ]


def _sales(documents: CollectionDocuments, sold: SoldYears) -> dict[str, Ask]:
    first, last = sold.first, sold.last
    day = timedelta(days=1)
    ranges: dict[str, tuple[date | None, date | None]] = {
        "all": (None, None),
        "all but a day at each end": (first + day, last - day),
        "a year": (date(last.year, 1, 1), last),
        "a month": (last.replace(day=1), last),
        "30 days": (last - 40 * day, last - 11 * day),
        "a day": (last - day, last - day),
    }
    best = partial(product_sales.best_sellers, documents, limit=LIMIT)
    return {name: partial(best, first=begin, last=end) for name, (begin, end) in ranges.items()}


def _orders(documents: CollectionDocuments) -> dict[str, Ask]:
    return {f"by {by}": partial(order_analytics.by_period, documents, by=by) for by in get_args(By)}


def _check(of_products: dict[str, Ask], of_orders: dict[str, Ask], sold: SoldYears) -> None:
    """Raise ``AssertionError`` unless all of it adds up to what was sold."""
    totals = {name: ask()["totals"][0]["units"] for name, ask in of_orders.items()}
    products = {name: len(ask()["products"]) for name, ask in of_products.items()}
    if set(totals.values()) != {sold.units} or set(products.values()) != {min(LIMIT, sold.products)}:
        raise AssertionError(f"{totals} of {sold.units}, {products}")


def _milliseconds(ask: Ask) -> float:
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


def _figure(name: str, ms: dict[str, Samples], taken: dict[str, int]) -> Figure:
    """The slowest of what was asked."""
    slowest = max(ms.values(), key=lambda samples: samples.median)
    about = ", ".join(f"{asked} {samples}" for asked, samples in ms.items())
    return Figure(name, "ms", slowest, at_most(MOST_MS), about=about, details={"ms": ms, **taken})
