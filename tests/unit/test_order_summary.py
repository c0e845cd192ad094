"""The list of orders: what a row shows, whose name is on it, how it is filtered, and how it is paged."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from read_side.projections import order_summary
from read_side.projections.model import Documents
from read_side.projections.order_summary import ORDER_SUMMARY, Filter
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

MILLISECOND = timedelta(milliseconds=1)


def rows(projection: Projection) -> list[dict[str, Any]]:
    return order_summary.page(projection.stored, limit=100).documents


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
    """Two customers, twelve orders, four in each millisecond: one of them confirmed, one with a reference."""
    happened: list[Any] = [customer_registered(), customer_registered(customer_id="c2")]
    for number in range(12):
        order = {
            "order_id": f"o{number:02}",
            "customer_id": f"c{1 + number % 2}",
            "placed_at": PLACED_AT + number // 4 * SECOND,
        }
        happened.append(order_placed(**order, reference="PO 4711" if number % 4 == 2 else None))
        if number % 4 == 1:
            happened.append(order_confirmed(**order))
    return project(ORDER_SUMMARY, *happened).stored


def turned(documents: Documents, limit: int, wanted: Filter) -> Iterator[list[str]]:
    after: tuple[datetime, str] | None = None
    while True:
        page = order_summary.page(documents, wanted, limit=limit, after=after)
        yield [row["order_id"] for row in page.documents]
        after = page.next_after
        if after is None:
            return


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 12, 13])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), range(11, -1, -1)),
        (Filter(customer_id="c1"), range(10, -1, -2)),
        (Filter(statuses=("confirmed",)), (9, 5, 1)),
        (Filter(statuses=("confirmed", "pending")), range(11, -1, -1)),
        (Filter(statuses=("confirmed", "shipped")), (9, 5, 1)),
        (Filter(customer_id="c2", statuses=("pending",)), (11, 7, 3)),
        (Filter(customer_id="c2", statuses=("pending", "confirmed")), (11, 9, 7, 5, 3, 1)),
        (Filter(reference="PO 4711"), (10, 6, 2)),
        (Filter(reference="po 4711"), ()),
        (Filter(reference="PO 4711", customer_id="c1", statuses=("pending",)), (10, 6, 2)),
        (Filter(reference="PO 4711", customer_id="c2"), ()),
        (Filter(first=PLACED_AT + SECOND), range(11, 3, -1)),
        (Filter(last=PLACED_AT + SECOND), range(7, -1, -1)),
        (Filter(first=PLACED_AT + SECOND, last=PLACED_AT + SECOND), range(7, 3, -1)),
        (Filter(first=PLACED_AT + MILLISECOND, last=PLACED_AT + SECOND - MILLISECOND), ()),
        (Filter(last=PLACED_AT - MILLISECOND), ()),
        (Filter("c1", ("pending",), "PO 4711", PLACED_AT + SECOND, PLACED_AT + 2 * SECOND), (10, 6)),
        (Filter(customer_id="c3"), ()),
    ],
    ids=str,
)
def test_pages_show_every_row_once_newest_first(
    shop: Documents, limit: int, wanted: Filter, expected: Any
) -> None:
    pages = list(turned(shop, limit, wanted))
    assert [order for page in pages for order in page] == [f"o{number:02}" for number in expected]
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages) == max(1, -(-len(expected) // limit)), "no empty page at the end"


def test_a_page_does_not_move_when_an_order_is_added_before_it(shop: Documents) -> None:
    first = order_summary.page(shop, limit=4)
    assert first.next_after == (PLACED_AT + 2 * SECOND, "o08")
    added = project(ORDER_SUMMARY, order_placed(order_id="o99", placed_at=PLACED_AT + 9 * SECOND))
    assert not order_summary.page(added.stored, limit=4, after=first.next_after).documents
