"""The queries of the read models say the same over mongomock and over a real MongoDB.

How the real one finds its answers is in ``test_query_plans``.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import mongomock
import pytest

from bus.connections.clients import mongo_client
from read_side.projections import (
    customers,
    order_analytics,
    order_detail,
    order_summary,
    product_sales,
    products,
)
from read_side.projections.model import Documents
from read_side.projections.order_summary import Filter
from read_side.queries.store import CollectionDocuments
from tests.contract.stored_models import fill, forty_orders
from tests.support import messages
from tests.support.messages import PLACED_AT, SECOND

Fill = Callable[..., Documents]
FILTERS = [
    Filter(),
    Filter(customer_id="c1"),
    Filter(statuses=("confirmed",)),
    Filter(customer_id="c1", statuses=("confirmed",)),
    Filter(statuses=("confirmed", "shipped")),
    Filter(customer_id="c1", statuses=("confirmed", "pending")),
    Filter(reference="PO 1"),
    Filter(reference="PO 2", customer_id="c1"),
    Filter(first=PLACED_AT + 2 * SECOND, last=PLACED_AT + 8 * SECOND),
    Filter("c1", ("confirmed",), "PO 1", PLACED_AT, PLACED_AT + 9 * SECOND),
]


@pytest.fixture(params=["mongomock", "mongodb"])
def database(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A database of the test's own, with times in UTC."""
    if request.param == "mongomock":
        yield mongomock.MongoClient(tz_aware=True).read
        return
    server, names = map(request.getfixturevalue, ("mongo_server", "mongo_database_names"))
    with mongo_client(server.uri) as client:
        yield client[names.read]


@pytest.fixture
def documents(database: Any) -> Fill:
    return lambda name, *happened: CollectionDocuments(fill(database, name, *happened))


def passes(number: int, wanted: Filter) -> bool:
    placed_at = PLACED_AT + number // 4 * SECOND
    return (
        (wanted.customer_id is None or wanted.customer_id == f"c{1 + number % 2}")
        and (not wanted.statuses or ("pending" if number % 3 else "confirmed") in wanted.statuses)
        and (wanted.reference is None or wanted.reference == f"PO {1 + number % 5}")
        and (wanted.first is None or wanted.first <= placed_at)
        and (wanted.last is None or placed_at <= wanted.last)
    )


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
@pytest.mark.parametrize("limit", [1, 3, 4, 40])
def test_orders_are_paged_newest_first(documents: Fill, wanted: Filter, limit: int) -> None:
    store = documents("order_summary", *forty_orders())
    shown: list[str] = []
    after: tuple[datetime, str] | None = None
    while not shown or after is not None:
        page = order_summary.page(store, wanted, limit=limit, after=after)
        assert 0 < len(page.documents) <= limit
        shown += [row["order_id"] for row in page.documents]
        after = page.next_after
    assert shown == [f"o{number:02}" for number in reversed(range(40)) if passes(number, wanted)]


def test_a_row_has_the_fields_of_the_contract(documents: Fill) -> None:
    store = documents("order_summary", messages.customer_registered(), messages.order_placed())
    assert order_summary.page(store, limit=1).documents == [
        {
            "order_id": "o1",
            "status": "pending",
            "customer_id": "c1",
            "customer_name": "Ann Archer",
            "total": 6350,
            "currency": "EUR",
            "item_count": 2,
            "placed_at": PLACED_AT,
            "version": 1,
        }
    ]


def test_an_order_is_found_by_id_and_a_remembered_name_is_not(documents: Fill) -> None:
    store = documents("order_detail", messages.customer_registered(), messages.order_placed())
    order = order_detail.by_id(store, "o1")
    assert order is not None
    assert (order["history"][0]["at"], order["items"][1]["line_total"], order["_pos"]) == (PLACED_AT, 1350, 2)
    assert order_detail.by_id(store, "customer-c1") is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"by": "day"}, [("2023-12-31", 5), ("2024-01-01", 5), ("2024-01-31", 5), ("2024-02-01", 5)]),
        ({"by": "month"}, [("2023-12", 5), ("2024-01", 10), ("2024-02", 5)]),
        ({"by": "week"}, [("2023-W52", 5), ("2024-W01", 5), ("2024-W05", 10)]),
        ({"by": "quarter"}, [("2023-Q4", 5), ("2024-Q1", 15)]),
        ({"by": "year"}, [("2023", 5), ("2024", 15)]),
        ({"by": "year", "first": date(2024, 1, 1), "last": date(2024, 1, 31)}, [("2024", 10)]),
        ({"by": "month", "first": date(2024, 2, 1)}, [("2024-02", 5)]),
        ({"by": "day", "last": date(2023, 12, 31)}, [("2023-12-31", 5)]),
        ({"by": "day", "first": date(2024, 1, 2), "last": date(2024, 1, 30)}, []),
    ],
)
def test_orders_are_summed_over_partitions(
    documents: Fill, asked: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    start = datetime.fromisoformat("2023-12-31T23:59:59.999+00:00")
    orders = [
        messages.order_placed(
            order_id=f"o{days}-{customer}",
            customer_id=f"c{customer}",
            placed_at=start + timedelta(days=days),
            total=10**12,
        )
        for days in (0, 1, 31, 32)
        for customer in range(5)
    ]
    answer = order_analytics.by_period(documents("order_analytics", *orders), **asked)
    assert [(bucket["period"], bucket["orders"]) for bucket in answer["buckets"]] == expected
    assert [bucket["by_status"]["pending"] for bucket in answer["buckets"]] == [n for _, n in expected]
    assert [total["gross"] for total in answer["totals"]] == [sum(n for _, n in expected) * 10**12][
        : len(expected)
    ]


def test_sales_are_summed_over_partitions_and_joined_with_names(documents: Fill) -> None:
    orders = [messages.order_placed(order_id=f"o{n}", customer_id=f"c{n}") for n in range(5)]
    store = documents(
        "product_sales",
        messages.product_added(),
        *orders,
        messages.order_cancelled(),
        messages.product_renamed(),
    )
    [best] = product_sales.best_sellers(store, limit=1)["products"]
    assert best == {
        "product_id": "p1",
        "product_name": "Brown teapot",
        "currency": "EUR",
        "units": 10,
        "gross": 25000,
        "discounts": 0,
        "cancelled_units": 2,
        "cancelled_gross": 5000,
    }
    for nothing in ({"first": date(2024, 5, 2)}, {"last": date(2024, 4, 30)}):
        assert product_sales.best_sellers(store, **nothing, limit=1) == {"products": []}
    for days in ({"first": date(2024, 4, 3), "last": date(2024, 5, 1)}, {"first": date(2024, 5, 1)}):
        assert product_sales.best_sellers(store, **days, limit=1)["products"] == [best]


def test_customers_and_products_are_paged_by_id(documents: Fill) -> None:
    ids = ["A", "a", "a-b", "b:c", "c.d"]
    registered = [messages.customer_registered(customer_id=each) for each in reversed(ids)]
    added = [messages.product_added(product_id=each) for each in reversed(ids)]
    for pages, store in (
        (customers, documents("customers", *registered)),
        (products, documents("products", *added)),
    ):
        first = pages.page(store, limit=3)
        rest = pages.page(store, limit=3, after=first.next_after)
        shown = [next(iter(row.values())) for row in (*first.documents, *rest.documents)]
        assert (shown, first.next_after, rest.next_after) == (ids, "a-b", None)
