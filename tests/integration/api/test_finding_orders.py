"""Finding orders over HTTP: by reference, by time of placing, by several statuses, all of it combined."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from read_side.generations.registry import FIRST
from read_side.projections.order_summary import ORDER_SUMMARY
from tests.support import messages
from tests.support.shop_api import Shop

DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
MIDNIGHT = messages.PLACED_AT.replace(hour=0)
"""Of the first of May 2024, UTC."""


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """``o1`` to ``o4``: each placed later than the one before, two of them with one reference."""
    placed: list[dict[str, Any]] = [
        {"placed_at": MIDNIGHT - MILLISECOND},
        {"placed_at": MIDNIGHT, "reference": "PO 4711"},
        {"placed_at": MIDNIGHT + DAY - MILLISECOND, "customer_id": "c2"},
        {"placed_at": MIDNIGHT + DAY, "reference": "PO 4711", "customer_id": "c2"},
    ]
    for customer_id in ("c1", "c2"):
        registered = messages.customer_registered(customer_id=customer_id)
        shop.happened(f"customer-{customer_id}", registered)
    for number, order in enumerate(placed, start=1):
        order_id, reference = f"o{number}", order.pop("reference", None)
        happened: list[Any] = [messages.order_placed(order_id=order_id, reference=reference, **order)]
        if number > 2:
            happened.append(messages.order_confirmed(order_id=order_id, **order))
        if number > 3:
            happened.append(messages.order_shipped(order_id=order_id, **order))
        shop.happened(f"order-{order_id}", *happened)
    return shop


def found(shop: Shop, query: str) -> str:
    """The numbers of the orders that staff is shown, as shown."""
    result = shop.staff.simulate_get("/orders", query_string=query)
    assert result.status_code == 200, result.text
    assert result.json["next_cursor"] is None
    return "".join(order["order_id"].removeprefix("o") for order in result.json["orders"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "4321"),
        ("reference=PO+4711", "42"),
        ("reference=PO%204711&customer_id=c1", "2"),
        ("reference=PO", ""),
        ("reference=po+4711", ""),
        ("from=2024-05-01&to=2024-05-01", "32"),
        ("from=2024-05-01", "432"),
        ("to=2024-05-01", "321"),
        ("to=2024-04-30", "1"),
        ("from=2024-05-02&to=9999-12-31", "4"),
        ("from=0001-01-01&to=2024-04-30", "1"),
        ("from=2024-05-01T00:00:00Z&to=2024-05-01T00:00:00Z", "2"),
        ("from=2024-05-01T00:00:00.001Z", "43"),
        ("to=2024-05-01T23:59:59.998Z", "21"),
        ("from=2024-05-01T02:00:00%2B02:00&to=2024-05-01T02:00:00%2B02:00", "2"),
        ("from=2024-05-01T00:00:00Z&to=2024-05-01", "32"),
        ("status=pending", "21"),
        ("status=pending&status=shipped", "421"),
        ("status=shipped&status=pending&status=shipped", "421"),
        ("status=cancelled&status=delivered", ""),
        ("status=confirmed&status=shipped&customer_id=c2&from=2024-05-02&reference=PO+4711", "4"),
        ("status=pending&customer_id=c2", ""),
    ],
)
def test_orders_are_found_by_all_that_is_asked(shop: Shop, query: str, expected: str) -> None:
    assert found(shop, query) == expected


def test_a_row_does_not_tell_the_reference(shop: Shop) -> None:
    """The contract's row is as it was."""
    [row] = shop.staff.simulate_get("/orders?reference=PO+4711&customer_id=c1").json["orders"]
    assert row.keys() == {
        *("order_id", "status", "customer_id", "customer_name", "total", "currency", "item_count"),
        *("placed_at", "version"),
    }


def test_a_customer_finds_its_own_only(shop: Shop) -> None:
    def ids(query: str) -> list[str]:
        orders = shop.ann.simulate_get("/orders", query_string=query).json["orders"]
        return [order["order_id"] for order in orders]

    assert ids("reference=PO+4711") == ["o2"]
    assert ids("from=2024-05-01") == ["o2"]
    assert ids("status=pending&status=shipped") == ["o2", "o1"]
    assert ids("status=pending&customer_id=c1") == ["o2", "o1"]
    assert shop.ann.simulate_get("/orders?reference=PO+4711&customer_id=c2").status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "from=2024-05-02&to=2024-05-01",
        "from=2024-05-01T00:00:00.001Z&to=2024-05-01T00:00:00Z",
        "from=2024-05-02&to=2024-05-01T23:59:59Z",
        "from=2024-05-01T00:00:00Z&to=2024-04-30",
    ],
)
def test_a_range_that_ends_before_it_starts_is_a_422(shop: Shop, query: str) -> None:
    result = shop.staff.simulate_get("/orders", query_string=query)
    assert (result.status_code, result.json["type"]) == (422, "/problems/wrong-fields")
    assert result.json["errors"] == [{"field": "from", "message": "must not be after to"}]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2024-05-01T00:00:00", "from"),
        ("to=2024-02-30", "to"),
        ("to=1714521600", "to"),
        ("from=2024-05-01T02:00:00+02:00", "from"),  # the + is a space
        ("status=pending&status=gone", "status"),
        ("status=pending,shipped", "status"),
        ("reference=a%0Ab", "reference"),
        ("customer_id=ann+shop%40example.com", "customer_id"),
        ("customer_id=..", "customer_id"),
    ],
)
def test_what_cannot_be_read_is_a_400_that_names_it(shop: Shop, query: str, field: str) -> None:
    result = shop.staff.simulate_get("/orders", query_string=query)
    assert (result.status_code, result.json["type"]) == (400, "/problems/malformed-query")
    assert [error["field"] for error in result.json["errors"]] == [field]


EMPTY = [
    *("/orders?customer_id=", "/orders?status=", "/orders?reference=", "/orders?from=", "/orders?to="),
    *("/orders?limit=", "/orders?cursor=", "/orders?customer_id", "/orders?status=pending&status="),
    *("/orders?customer_id=c1&customer_id=", "/orders?reference=PO+4711&customer_id="),
    *("/orders/o1?consistency=", "/products?limit=", "/products?cursor=", "/customers?cursor="),
    *("/analytics/orders?from=", "/analytics/orders?by=", "/analytics/products?to="),
    *("/analytics/products?limit=", "/orders?nonsense="),
]


@pytest.mark.parametrize("address", EMPTY)
def test_an_empty_value_is_a_400_and_not_taken_as_left_out(shop: Shop, address: str) -> None:
    """Else a form that was sent without a customer's id would show everybody's orders."""
    path, _, query = address.partition("?")
    result = shop.staff.simulate_get(path, query_string=query)
    assert (result.status_code, result.json["type"]) == (400, "/problems/malformed-query")
    [error] = result.json["errors"]
    assert error["field"] == query.split("&")[-1].partition("=")[0]


@pytest.mark.parametrize(
    "address", ["/events?after=", "/ops/dead?all=", "/ops/parked?limit=", "/ops/stories/o1?kind="]
)
def test_so_it_is_for_operators(shop: Shop, address: str) -> None:
    path, _, query = address.partition("?")
    assert shop.ops.simulate_get(path, query_string=query).status_code == 400


def test_the_days_are_those_of_the_shop(shop: Shop) -> None:
    """In Kathmandu a day begins at 18:15 UTC."""
    there = replace(shop, services=replace(shop.services, zone=ZoneInfo("Asia/Kathmandu")))
    assert found(there, "from=2024-05-01&to=2024-05-01") == "21"
    assert found(there, "from=2024-05-02&to=2024-05-02") == "43"
    assert found(there, "from=2024-05-01T00:00:00Z&to=2024-05-01T00:00:00Z") == "2", (
        "a moment is one anywhere"
    )


@pytest.fixture
def made_by_another_build(shop: Shop) -> Iterator[Shop]:
    """The live list is of the version before, as during a deployment."""
    registry = shop.services.freshness._store._registry
    of_before = registry.entry(ORDER_SUMMARY.name)
    older = replace(of_before.generations[FIRST], version=ORDER_SUMMARY.version - 1)
    with pytest.MonkeyPatch.context() as patch:
        entry = replace(of_before, generations={FIRST: older})
        patch.setattr(registry, "entry", lambda name: entry)
        patch.setattr(shop.services.freshness._store, "_live", {})
        yield shop


def test_what_has_no_references_yet_does_not_say_that_there_are_none(made_by_another_build: Shop) -> None:
    """Until the list is rebuilt."""
    result = made_by_another_build.staff.simulate_get("/orders?reference=PO+4711")
    assert (result.status_code, result.json["type"]) == (503, "/problems/read-model-behind")
    assert found(made_by_another_build, "from=2024-05-01&status=pending") == "2"
