"""What was sold of each product."""

from datetime import date, timedelta
from typing import Any

import pytest

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


def line(product_id: str, quantity: int, unit_price: int) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "product_name": product_id.upper(),
        "quantity": quantity,
        "list_price": unit_price,
        "unit_price": unit_price,
        "discount": 0,
        "line_total": quantity * unit_price,
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
            "cancelled_units": 0,
            "cancelled_gross": 0,
        },
        {
            "product_id": "p2",
            "product_name": "Tea",
            "currency": "EUR",
            "units": 6,
            "gross": 2700,
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


@pytest.mark.parametrize("happened", [order_cancelled(), product_renamed()])
def test_what_was_never_there_cannot_change(happened: Any) -> None:
    with pytest.raises(LookupError):
        project(PRODUCT_SALES, happened)
