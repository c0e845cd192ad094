"""What was sold of each product."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages.orders import OrderPlaced
from bus.primitives.time_zones import time_zone
from read_side.projections import product_sales
from read_side.projections.model import Documents
from read_side.projections.product_sales import PRODUCT_SALES
from tests.support.messages import (
    PLACED_AT,
    order_cancelled,
    order_confirmed,
    order_placed,
    product_added,
    product_renamed,
    product_repriced,
)
from tests.unit.projecting import project

TEA = {"product_id": "p2", "name": "Tea", "unit_price": 450}


def sold(documents: Documents, limit: int = 10, **days: date) -> list[dict[str, Any]]:
    return product_sales.best_sellers(documents, limit=limit, **days)["products"]


def line(product_id: str, quantity: int, unit_price: int, discount: int = 0) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "product_name": product_id.upper(),
        "quantity": quantity,
        "list_price": unit_price,
        "unit_price": unit_price,
        "discount": discount,
        "line_total": quantity * unit_price - discount,
    }


def test_sales_are_by_gross_and_largest_first() -> None:
    shown = project(
        PRODUCT_SALES, product_added(), product_added(**TEA), order_placed(), order_placed(order_id="o2")
    )
    assert sold(shown.stored) == [
        {
            "product_id": "p1",
            "product_name": "Teapot",
            "currency": "EUR",
            "units": 4,
            "gross": 10000,
            "discounts": 0,
            "cancelled_units": 0,
            "cancelled_gross": 0,
        },
        {
            "product_id": "p2",
            "product_name": "Tea",
            "currency": "EUR",
            "units": 6,
            "gross": 2700,
            "discounts": 0,
            "cancelled_units": 0,
            "cancelled_gross": 0,
        },
    ]
    assert len(sold(shown.stored, limit=1)) == 1


def test_a_cancelled_order_was_sold_and_cancelled() -> None:
    shown = project(
        PRODUCT_SALES,
        product_added(),
        order_placed(),
        order_placed(order_id="o2"),
        order_confirmed(),
        order_cancelled(old_status="confirmed"),
    )
    teapot, tea = sold(shown.stored)
    assert (teapot["units"], teapot["gross"]) == (4, 10000)
    assert (teapot["cancelled_units"], teapot["cancelled_gross"]) == (2, 5000)
    assert (tea["cancelled_units"], tea["cancelled_gross"]) == (3, 1350)


def test_ties_are_by_product_then_currency() -> None:
    lines = [line(product, 1, 100) for product in ("p3", "p1", "p2")]
    shown = project(
        PRODUCT_SALES,
        order_placed(lines=lines, currency="USD"),
        order_placed(order_id="o2", lines=lines),
    )
    assert [(row["product_id"], row["currency"]) for row in sold(shown.stored, limit=5)] == [
        ("p1", "EUR"),
        ("p1", "USD"),
        ("p2", "EUR"),
        ("p2", "USD"),
        ("p3", "EUR"),
    ]


def test_the_name_is_the_current_one() -> None:
    shown = project(
        PRODUCT_SALES,
        product_added(),
        product_repriced(),
        order_placed(),
        product_renamed(name="Brown teapot"),
    )
    assert sold(shown.stored)[0]["product_name"] == "Brown teapot"


def test_until_the_name_is_there_it_is_one_that_was_sold_under() -> None:
    assert [row["product_name"] for row in sold(project(PRODUCT_SALES, order_placed()).stored)] == [
        "Teapot",
        "Tea",
    ]


def test_products_that_did_not_sell_are_left_out() -> None:
    assert sold(project(PRODUCT_SALES, product_added(), product_renamed()).stored) == []


def test_the_same_product_in_two_lines_counts_with_both() -> None:
    shown = project(PRODUCT_SALES, order_placed(lines=[line("p1", 1, 100), line("p1", 2, 50)]))
    [row] = sold(shown.stored)
    assert (row["units"], row["gross"]) == (3, 200)


def test_discounts_are_counted_and_gross_is_what_is_left() -> None:
    lines = [line("p1", 2, 100, discount=30), line("p1", 1, 100, discount=5), line("p2", 1, 70)]
    shown = project(PRODUCT_SALES, order_placed(lines=lines))
    assert [(row["gross"], row["discounts"]) for row in sold(shown.stored)] == [(265, 35), (70, 0)]


def test_what_was_free_was_sold_all_the_same() -> None:
    shown = project(PRODUCT_SALES, order_placed(lines=[line("p1", 1, 100, discount=100)]))
    [row] = sold(shown.stored)
    assert (row["units"], row["gross"], row["discounts"]) == (1, 0, 100)


def test_a_month_is_one_document_and_has_its_days() -> None:
    placed = [order_placed(order_id=f"o{day}", placed_at=PLACED_AT.replace(day=day)) for day in (1, 2, 2)]
    shown = project(PRODUCT_SALES, *placed, order_cancelled(placed_at=placed[1].placed_at)).documents
    assert shown.keys() == {f"2024-05/{product}/EUR@{shown_in(shown)}" for product in ("p1", "p2")}
    teapots = shown[f"2024-05/p1/EUR@{shown_in(shown)}"]
    assert (teapots["units"], teapots["cancelled_units"]) == (6, 2)
    assert teapots["days"] == {
        "01": {"units": 2, "gross": 5000},
        "02": {"units": 4, "gross": 10000, "cancelled_units": 2, "cancelled_gross": 5000},
    }


def shown_in(documents: dict[str, Any]) -> int:
    [partition] = {document["partition"] for document in documents.values()}
    return int(partition)


ends = st.none() | st.dates(date(2023, 12, 1), date(2024, 4, 30))
orders = st.lists(
    st.builds(
        lambda moment, customer, product, quantity, discount: order_placed(
            order_id=f"o{moment.timestamp()}",
            customer_id=customer,
            placed_at=moment,
            lines=[line(product, quantity, 100, discount)],
        ),
        st.datetimes(datetime(2023, 12, 20), datetime(2024, 4, 10), timezones=st.just(UTC)),  # noqa: DTZ001
        st.sampled_from(["c1", "c2", "c3"]),
        st.sampled_from(["p1", "p2"]),
        st.integers(1, 9),
        st.integers(0, 100),
    ),
    max_size=25,
    unique_by=lambda order: order.order_id,
)


@given(
    st.sampled_from(["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Marquesas"]), orders, ends, ends
)
def test_any_range_of_days_is_what_counting_the_orders_gives(
    name: str, placed: list[OrderPlaced], first: date | None, last: date | None
) -> None:
    """Whatever months are cut by the ends of the range, and wherever midnight is."""
    if first and last:
        first, last = sorted((first, last))
    zone = time_zone(name)
    shown = project(product_sales.made_for(zone), *placed).stored
    expected: dict[str, Counter[str]] = {}
    for order in placed:
        if (first or date.min) <= order.placed_at.astimezone(zone).date() <= (last or date.max):
            [one] = order.lines
            counts = expected.setdefault(one.product_id, Counter())
            counts.update(units=one.quantity, gross=one.line_total, discounts=one.discount)
    found = product_sales.best_sellers(shown, first=first, last=last, limit=10)["products"]
    assert {
        row["product_id"]: {name: row[name] for name in ("units", "gross", "discounts")} for row in found
    } == {
        product: {name: counts[name] for name in ("units", "gross", "discounts")}
        for product, counts in expected.items()
    }


def test_only_the_days_asked_for_count_over_all_partitions() -> None:
    day = timedelta(days=1)
    orders = [
        order_placed(order_id=f"o{n}-{c}", customer_id=f"c{c}", placed_at=PLACED_AT + n * day)
        for n in range(4)
        for c in range(5)
    ]
    shown = project(PRODUCT_SALES, product_added(), *orders)
    assert sold(shown.stored)[0]["units"] == 2 * 20
    assert sold(shown.stored, first=date(2024, 5, 2), last=date(2024, 5, 3))[0]["units"] == 2 * 10
    assert sold(shown.stored, first=date(2024, 5, 4))[0]["units"] == 2 * 5
    assert sold(shown.stored, last=date(2024, 4, 30)) == []


def test_more_than_was_sold_on_its_day_cannot_be_cancelled() -> None:
    other_day = order_placed(order_id="o2", placed_at=PLACED_AT + timedelta(days=1))
    with pytest.raises(LookupError, match="cancelled on 2024-05-01"):
        project(PRODUCT_SALES, other_day, order_cancelled())


@pytest.mark.parametrize("happened", [order_cancelled(), product_renamed()])
def test_what_was_never_there_cannot_change(happened: Any) -> None:
    with pytest.raises(LookupError):
        project(PRODUCT_SALES, happened)
