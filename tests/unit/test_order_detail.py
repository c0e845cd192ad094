"""One order with everything about it."""

from datetime import timedelta
from typing import Any

import pytest

from read_side.projections import order_detail
from read_side.projections.order_detail import ORDER_DETAIL
from tests.support.messages import (
    NOW,
    PLACED_AT,
    customer_registered,
    customer_renamed,
    order_cancelled,
    order_confirmed,
    order_delivered,
    order_placed,
    order_shipped,
    product_renamed,
)
from tests.unit.projecting import Projection, project


def order(projection: Projection, order_id: str = "o1") -> dict[str, Any]:
    found = order_detail.by_id(projection.stored, order_id)
    assert found is not None
    return found


def test_a_placed_order_shows_everything() -> None:
    shown = project(ORDER_DETAIL, customer_registered(), order_placed(reference="PO 7"))
    assert order(shown) == {
        "order_id": "o1",
        "version": 1,
        "status": "pending",
        "customer_id": "c1",
        "customer_name": "Ann Archer",
        "reference": "PO 7",
        "currency": "EUR",
        "total": 6350,
        "item_count": 2,
        "units": 5,
        "placed_at": PLACED_AT,
        "updated_at": PLACED_AT,
        "shipping_address": {
            "line1": "1 High Street",
            "line2": None,
            "city": "Leeds",
            "region": None,
            "postal_code": None,
            "country": "GB",
        },
        "items": [
            {
                "product_id": "p1",
                "product_name": "Teapot",
                "quantity": 2,
                "list_price": 2500,
                "unit_price": 2500,
                "discount": 0,
                "line_total": 5000,
            },
            {
                "product_id": "p2",
                "product_name": "Tea",
                "quantity": 3,
                "list_price": 450,
                "unit_price": 450,
                "discount": 0,
                "line_total": 1350,
            },
        ],
        "history": [{"status": "pending", "at": PLACED_AT, "note": None}],
        "_pos": 2,
    }


def test_the_history_grows_with_every_status() -> None:
    hour = timedelta(hours=1)
    shown = project(
        ORDER_DETAIL,
        customer_registered(),
        order_placed(),
        order_confirmed(at=NOW, note="paid"),
        order_shipped(at=NOW + hour),
        order_delivered(at=NOW + 2 * hour, note=""),
    )
    detail = order(shown)
    assert detail["history"] == [
        {"status": "pending", "at": PLACED_AT, "note": None},
        {"status": "confirmed", "at": NOW, "note": "paid"},
        {"status": "shipped", "at": NOW + hour, "note": None},
        {"status": "delivered", "at": NOW + 2 * hour, "note": ""},
    ]
    assert (detail["status"], detail["version"]) == ("delivered", 4)
    assert (detail["placed_at"], detail["updated_at"]) == (PLACED_AT, NOW + 2 * hour)


def test_a_cancelled_order_says_why() -> None:
    detail = order(project(ORDER_DETAIL, order_placed(), order_cancelled(note="changed my mind")))
    assert detail["status"] == "cancelled"
    assert detail["history"][-1] == {"status": "cancelled", "at": NOW, "note": "changed my mind"}


def test_a_rename_shows_on_the_order_and_is_no_change_of_it() -> None:
    happened = (customer_registered(), order_placed(), order_confirmed())
    before = order(project(ORDER_DETAIL, *happened))
    after = order(project(ORDER_DETAIL, *happened, customer_renamed(name="Ann Baker")))
    assert after == {**before, "customer_name": "Ann Baker", "_pos": before["_pos"] + 1}


def test_an_order_decided_before_a_rename_and_committed_after_it_has_the_new_name() -> None:
    shown = project(ORDER_DETAIL, customer_registered(), customer_renamed(name="Ann Baker"), order_placed())
    assert order(shown)["customer_name"] == "Ann Baker"


def test_products_keep_the_names_they_were_ordered_under() -> None:
    shown = project(ORDER_DETAIL, order_placed(), product_renamed(name="Brown teapot"))
    assert order(shown)["items"][0]["product_name"] == "Teapot"


@pytest.mark.parametrize("order_id", ["o2", "customer-c1"])
def test_what_is_no_order_is_not_found(order_id: str) -> None:
    shown = project(ORDER_DETAIL, customer_registered(), order_placed())
    assert order_detail.by_id(shown.stored, order_id) is None


@pytest.mark.parametrize("happened", [order_confirmed(), order_cancelled(), customer_renamed()])
def test_what_was_never_created_cannot_change(happened: Any) -> None:
    with pytest.raises(KeyError):
        project(ORDER_DETAIL, happened)
