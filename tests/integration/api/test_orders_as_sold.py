"""Orders as a shop really has them: at agreed prices, to nobody in particular, sent nowhere."""

from typing import Any

import pytest

from tests.integration.api.both_sides import BothSides
from tests.support import messages

TWO = {"product_id": "p1", "quantity": 2}


@pytest.fixture
def open_shop(both: BothSides) -> BothSides:
    both.write.do(messages.register_customer())
    both.write.do(messages.add_product())
    return both


def placed(both: BothSides, **order: Any) -> dict[str, Any]:
    """The order as it is shown, placed by staff."""
    sent = both.ask(both.shop.staff, "POST", "/orders", {"items": [TWO], **order})
    assert sent.status_code == 201, sent.text
    both.read.drain()
    shown: dict[str, Any] = both.shop.staff.simulate_get(f"/orders/{sent.json['order_id']}").json
    return shown


def test_staff_says_at_which_prices_it_was_sold(open_shop: BothSides) -> None:
    items = [TWO | {"unit_price": 2000, "discount": 300}, TWO | {"unit_price": 0}, TWO]

    order = placed(open_shop, customer_id="c1", items=items)

    amounts = ("list_price", "unit_price", "discount", "line_total")
    assert [tuple(line[amount] for amount in amounts) for line in order["items"]] == [
        (2500, 2000, 300, 3700),
        (2500, 0, 0, 0),
        (2500, 2500, 0, 5000),
    ]
    assert (order["total"], order["item_count"], order["units"]) == (8700, 3, 6)
    [sold] = open_shop.shop.staff.simulate_get("/analytics/products").json["products"]
    assert (sold["units"], sold["gross"]) == (6, 8700)


@pytest.mark.parametrize("price", [{"unit_price": 2500}, {"discount": 0}, {"unit_price": 0, "discount": 0}])
def test_a_customer_that_names_a_price_gets_a_403(open_shop: BothSides, price: dict[str, int]) -> None:
    sent = open_shop.shop.ann.simulate_post("/orders", json={"items": [TWO, TWO | price]})

    assert sent.status_code == 403
    assert sent.json["detail"] == "Only staff sets unit prices and discounts."


def test_more_off_than_a_line_costs_is_refused_with_its_field(open_shop: BothSides) -> None:
    sent = open_shop.ask(open_shop.shop.staff, "POST", "/orders", {"items": [TWO | {"discount": 5001}]})

    assert sent.status_code == 422
    assert sent.json["type"] == "/problems/discount-too-large"
    assert [error["field"] for error in sent.json["errors"]] == ["items.0.discount"]


def test_a_walk_in_order_belongs_to_nobody(open_shop: BothSides) -> None:
    order = placed(open_shop)

    path = f"/orders/{order['order_id']}"
    shop = open_shop.shop
    assert (order["customer_id"], order["customer_name"], order["shipping_address"]) == (
        None,
        "Walk-in",
        None,
    )
    assert shop.ann.simulate_get(path).status_code == 404
    assert shop.ann.simulate_get("/orders").json["orders"] == []
    [listed] = shop.staff.simulate_get("/orders").json["orders"]
    assert (listed["customer_id"], listed["customer_name"]) == (None, "Walk-in")
    assert shop.staff.simulate_get("/customers/c1").json["orders"] == 0
    assert shop.staff.simulate_get(path, params={"consistency": "strong"}).json == order
    story = shop.ops.simulate_get(f"/ops/stories/{order['order_id']}")
    assert story.status_code == 200

    cancelled = open_shop.ask(shop.staff, "PATCH", f"{path}/status", {"status": "cancelled"})

    assert cancelled.status_code == 204
    open_shop.read.drain()
    assert shop.staff.simulate_get(path).json["status"] == "cancelled"
    [totals] = shop.staff.simulate_get("/analytics/orders").json["totals"]
    assert (totals["orders"], totals["cancelled_orders"]) == (1, 1)


def test_a_customer_needs_no_email_and_may_get_one_later(open_shop: BothSides) -> None:
    shop = open_shop.shop
    bodies: tuple[dict[str, Any], ...] = (
        {"name": "Bo"},
        {"name": "Bo", "email": ""},
        {"name": "Bo", "email": None},
    )
    for number, body in enumerate(bodies):
        made = open_shop.ask(shop.staff, "POST", "/customers", {"customer_id": f"bo{number}", **body})
        assert made.status_code == 201
    assert (
        open_shop.ask(shop.staff, "PATCH", "/customers/bo1", {"email": "bo@example.com"}).status_code == 204
    )
    assert (
        open_shop.ask(shop.staff, "PATCH", "/customers/bo1", {"email": "", "name": "Bob"}).status_code == 204
    )
    open_shop.read.drain()

    shown = shop.staff.simulate_get("/customers").json["customers"]

    assert [(one["customer_id"], one["name"], one["email"]) for one in shown] == [
        ("bo0", "Bo", None),
        ("bo1", "Bob", "bo@example.com"),
        ("bo2", "Bo", None),
        ("c1", "Ann Archer", "ann@example.com"),
    ]
