"""Queries over HTTP: shapes, pages, who sees what, and conditional requests."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support import messages
from tests.support.shop_api import Shop


@pytest.fixture
def order(shop: Shop) -> Shop:
    """Ann's order, confirmed."""
    shop.happened("customer-c1", messages.customer_registered())
    shop.happened("product-p1", messages.product_added())
    shop.happened("order-o1", messages.order_placed(), messages.order_confirmed(note="thanks"))
    return shop


def test_an_order_is_shown_in_full(order: Shop) -> None:
    result = order.ann.simulate_get("/orders/o1")

    assert result.status_code == 200
    assert result.headers["etag"] == '"v2.1.2"'
    assert result.headers["cache-control"] == "no-store"
    assert result.headers["vary"] == "Authorization, Accept"
    assert result.headers["content-type"] == "application/json"
    shown = result.json
    assert shown["items"][0] == {
        "product_id": "p1",
        "product_name": "Teapot",
        "quantity": 2,
        "list_price": 2500,
        "unit_price": 2500,
        "discount": 0,
        "line_total": 5000,
    }
    assert shown["history"] == [
        {"status": "pending", "at": "2024-05-01T12:00:00.000Z", "note": None},
        {"status": "confirmed", "at": "2024-05-02T09:30:00.000Z", "note": "thanks"},
    ]
    assert (shown["version"], shown["item_count"], shown["units"], shown["total"]) == (2, 2, 5, 6350)
    assert not {"_id", "_pos"} & shown.keys()


def test_what_the_caller_has_is_not_sent_again(order: Shop) -> None:
    etag = order.ann.simulate_get("/orders/o1").headers["etag"]

    same = order.ann.simulate_get("/orders/o1", headers={"If-None-Match": etag})
    other = order.ann.simulate_get("/orders/o1", headers={"If-None-Match": '"v1.1.1"'})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["/orders/o1", "/orders", "/products/p1", "/customers/c1", "/health/live"])
def test_head_is_get_without_the_body(order: Shop, path: str) -> None:
    got, headed = order.staff.simulate_get(path), order.staff.simulate_head(path)

    def lasting(headers: Any) -> dict[str, str]:
        return {name: value for name, value in headers.items() if name.lower() != "x-correlation-id"}

    assert (headed.status_code, headed.content) == (200, b"")
    assert lasting(headed.headers) == lasting(got.headers)


def test_somebody_elses_and_nobodys_read_the_same(order: Shop) -> None:
    for path in ("/orders/{}", "/customers/{}"):
        hidden = order.bob.simulate_get(path.format("o1" if "orders" in path else "c1"))
        missing = order.bob.simulate_get(path.format("nope"))

        assert hidden.status_code == missing.status_code == 404
        assert hidden.json.keys() == missing.json.keys()
        assert hidden.json["type"] == missing.json["type"]


def test_pages_of_orders_follow_each_other(order: Shop) -> None:
    for n in range(5):
        placed = messages.order_placed(
            order_id=f"o2{n}", placed_at=messages.PLACED_AT + n // 2 * timedelta(milliseconds=1)
        )
        order.happened(f"order-o2{n}", placed)

    seen: list[str] = []
    asked = {"limit": "2"}
    while True:
        page = order.ann.simulate_get("/orders", params=asked).json
        seen += [shown["order_id"] for shown in page["orders"]]
        order.happened("order-o9", messages.order_placed(order_id="o9", placed_at=messages.NOW))
        if page["next_cursor"] is None:
            break
        asked["cursor"] = page["next_cursor"]

    assert seen == ["o24", "o23", "o22", "o21", "o20", "o1"]


def test_a_cursor_is_good_for_its_filter_only(order: Shop) -> None:
    order.happened("order-o2", messages.order_placed(order_id="o2"))
    cursor = order.ann.simulate_get("/orders", params={"limit": "1"}).json["next_cursor"]

    assert order.staff.simulate_get("/orders", params={"cursor": cursor}).status_code == 400
    assert (
        order.ann.simulate_get("/orders", params={"cursor": cursor, "status": "pending"}).status_code == 400
    )
    assert order.staff.simulate_get("/products", params={"cursor": cursor}).status_code == 400
    own = {"cursor": cursor, "customer_id": "c1"}
    assert order.staff.simulate_get("/orders", params=own).status_code == 200


def test_a_customer_lists_its_own(order: Shop) -> None:
    order.happened("customer-c2", messages.customer_registered(customer_id="c2"))
    order.happened("order-o2", messages.order_placed(order_id="o2", customer_id="c2"))

    assert [o["order_id"] for o in order.ann.simulate_get("/orders").json["orders"]] == ["o1"]
    assert order.ann.simulate_get("/orders?customer_id=c2").status_code == 403
    assert len(order.staff.simulate_get("/orders").json["orders"]) == 2
    assert len(order.staff.simulate_get("/orders?customer_id=c2&status=pending").json["orders"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=ten",
        "limit=1.0",
        "limit=1_0",
        "limit=%2010",
        "limit=5&limit=5",
        "status=gone",
        "customer_id=a%20b",
        "cursor=x",
        "colour=red",
        "consistency=weak",
    ],
)
def test_a_malformed_query_is_a_400(shop: Shop, query: str) -> None:
    result = shop.staff.simulate_get("/orders", query_string=query)

    assert result.status_code == 400
    assert result.headers["content-type"] == "application/problem+json"


def test_products_and_customers_are_paged_by_id(order: Shop) -> None:
    order.happened("product-p2", messages.product_added(product_id="p2"))

    first = order.ann.simulate_get("/products", params={"limit": "1"}).json
    second = order.ann.simulate_get("/products", params={"cursor": first["next_cursor"]}).json

    assert [p["product_id"] for p in first["products"] + second["products"]] == ["p1", "p2"]
    assert second["next_cursor"] is None
    assert order.staff.simulate_get("/customers").json == {
        "customers": [
            {
                "customer_id": "c1",
                "name": "Ann Archer",
                "email": "ann@example.com",
                "orders": 1,
                "spent": {"EUR": 6350},
                "version": 1,
            }
        ],
        "next_cursor": None,
    }


def test_analytics_answer_by_period(order: Shop) -> None:
    orders = order.ops.simulate_get("/analytics/orders?by=month&from=2024-05-01&to=2024-05-01").json
    sales = order.staff.simulate_get("/analytics/products?limit=1").json

    assert [(b["period"], b["gross"], b["by_status"]["confirmed"]) for b in orders["buckets"]] == [
        ("2024-05", 6350, 1)
    ]
    assert orders["totals"][0]["units"] == 5
    assert [(p["product_id"], p["gross"]) for p in sales["products"]] == [("p1", 5000)]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=2024-05-02&to=2024-05-01", 422),
        ("from=2024-02-30", 400),
        ("from=1714564800", 400),
        ("from=2024-05-01T00:00:00", 400),
        ("first=2024-05-01", 400),
    ],
)
def test_a_range_must_make_sense(shop: Shop, query: str, status: int) -> None:
    for path in ("/analytics/orders", "/analytics/products"):
        assert shop.staff.simulate_get(path, query_string=query).status_code == status
