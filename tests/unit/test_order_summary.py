"""The list of orders: what a row shows, whose name is on it, and how it is paged."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from bus.messages.values import OrderStatus
from read_side.projections import order_summary
from read_side.projections.model import Documents
from read_side.projections.order_summary import ORDER_SUMMARY
from tests.support.messages import (
    PLACED_AT,
    SECOND,
    customer_registered,
    customer_renamed,
    order_cancelled,
    order_confirmed,
    order_placed,
    order_shipped,
    product_added,
)
from tests.unit.projecting import Projection, project


def rows(projection: Projection, **filters: Any) -> list[dict[str, Any]]:
    return order_summary.page(projection.stored, limit=100, **filters).documents


def names(projection: Projection) -> dict[str, str]:
    return {row["order_id"]: row["customer_name"] for row in rows(projection)}


def test_a_placed_order_is_a_row() -> None:
    shown = project(ORDER_SUMMARY, customer_registered(), product_added(), order_placed())
    assert rows(shown) == [
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


def test_a_row_moves_on_with_its_order() -> None:
    shown = project(ORDER_SUMMARY, customer_registered(), order_placed(), order_confirmed(), order_shipped())
    [row] = rows(shown)
    assert (row["status"], row["version"]) == ("shipped", 3)


def test_a_cancelled_order_keeps_its_row() -> None:
    [row] = rows(project(ORDER_SUMMARY, customer_registered(), order_placed(), order_cancelled()))
    assert (row["status"], row["version"]) == ("cancelled", 2)


def test_a_rename_reaches_the_orders_before_it_and_no_one_elses() -> None:
    shown = project(
        ORDER_SUMMARY,
        customer_registered(),
        customer_registered(customer_id="c2", name="Bob"),
        order_placed(),
        order_placed(order_id="o2"),
        order_placed(order_id="o3", customer_id="c2", customer_name="Bob"),
        customer_renamed(name="Ann Baker"),
    )
    assert names(shown) == {"o1": "Ann Baker", "o2": "Ann Baker", "o3": "Bob"}
    assert {row["version"] for row in rows(shown)} == {1}, "the orders themselves have not changed"


def test_an_order_decided_before_a_rename_and_committed_after_it_has_the_new_name() -> None:
    shown = project(
        ORDER_SUMMARY,
        customer_registered(),
        customer_renamed(name="Ann Baker"),
        order_placed(customer_name="Ann Archer"),
    )
    assert names(shown) == {"o1": "Ann Baker"}


def test_the_last_of_several_renames_stands() -> None:
    shown = project(
        ORDER_SUMMARY,
        customer_registered(),
        order_placed(),
        customer_renamed(name="Ann Baker"),
        order_placed(order_id="o2", customer_name="Ann Archer"),
        customer_renamed(old_name="Ann Baker", name="Ann Cook"),
        order_placed(order_id="o3", customer_name="Ann Baker"),
    )
    assert set(names(shown).values()) == {"Ann Cook"}


def test_an_order_of_a_customer_that_is_not_remembered_has_the_name_it_came_with() -> None:
    assert names(project(ORDER_SUMMARY, order_placed())) == {"o1": "Ann Archer"}


@pytest.mark.parametrize("happened", [order_confirmed(), order_cancelled(), customer_renamed()])
def test_what_was_never_created_cannot_change(happened: Any) -> None:
    with pytest.raises(KeyError):
        project(ORDER_SUMMARY, happened)


def test_remembered_names_are_no_rows() -> None:
    assert rows(project(ORDER_SUMMARY, customer_registered(), customer_renamed())) == []


@pytest.fixture
def shop() -> Documents:
    """Two customers, twelve orders; three of each four are of the same millisecond, one is confirmed."""
    happened: list[Any] = [customer_registered(), customer_registered(customer_id="c2")]
    for number in range(12):
        order = {
            "order_id": f"o{number:02}",
            "customer_id": f"c{1 + number % 2}",
            "placed_at": PLACED_AT + number // 4 * SECOND,
        }
        happened.append(order_placed(**order))
        if number % 4 == 1:
            happened.append(order_confirmed(**order))
    return project(ORDER_SUMMARY, *happened).stored


def turned(documents: Documents, limit: int, **filters: Any) -> Iterator[list[str]]:
    after: tuple[datetime, str] | None = None
    while True:
        page = order_summary.page(documents, limit=limit, after=after, **filters)
        yield [row["order_id"] for row in page.documents]
        after = page.next_after
        if after is None:
            return


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 12, 13])
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, range(11, -1, -1)),
        ({"customer_id": "c1"}, range(10, -1, -2)),
        ({"status": OrderStatus.CONFIRMED}, (9, 5, 1)),
        ({"customer_id": "c2", "status": "pending"}, (11, 7, 3)),
        ({"customer_id": "c3"}, ()),
    ],
)
def test_pages_show_every_row_once_newest_first(
    shop: Documents, limit: int, filters: dict[str, Any], expected: Any
) -> None:
    pages = list(turned(shop, limit, **filters))
    assert [order for page in pages for order in page] == [f"o{number:02}" for number in expected]
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages) == max(1, -(-len(expected) // limit)), "no empty page at the end"


def test_a_page_does_not_move_when_an_order_is_added_before_it(shop: Documents) -> None:
    first = order_summary.page(shop, limit=4)
    assert first.next_after == (PLACED_AT + 2 * SECOND, "o08")
    added = project(ORDER_SUMMARY, order_placed(order_id="o99", placed_at=PLACED_AT + 9 * SECOND))
    assert not order_summary.page(added.stored, limit=4, after=first.next_after).documents
