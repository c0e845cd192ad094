"""Queries over HTTP: shapes, pages, who sees what, and conditional requests."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from api.access import ANYONE
from api.app import routes
from bus.commit import Decision
from bus.local.mongod import Mongod
from bus.local.redis_server import RedisServer
from bus.messages import events
from bus.messages.outcome import CommandStatus
from bus.messages.principal import Role
from bus.messages.rejection import Rejection, RejectionKind
from bus.settings import Settings
from tests import messages
from tests.shop_api import Shop, open_shop, settings_for_a_module


@pytest.fixture(scope="module")
def opened(redis_server: RedisServer, mongo_server: Mongod) -> Iterator[Shop]:
    with open_shop(settings_for_a_module(redis_server.url, mongo_server.uri)) as shop:
        yield shop


@pytest.fixture
def shop(opened: Shop) -> Shop:
    opened.empty()
    return opened


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
    assert result.headers["cache-control"] == "private, no-cache"
    assert result.headers["vary"] == "Authorization"
    assert result.headers["content-type"] == "application/json"
    shown = result.json
    assert shown["items"][0] == {
        "product_id": "p1",
        "product_name": "Teapot",
        "quantity": 2,
        "unit_price": 2500,
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
    cursor = ""
    while True:
        page = order.ann.simulate_get("/orders", params={"limit": "2", "cursor": cursor}).json
        seen += [shown["order_id"] for shown in page["orders"]]
        order.happened("order-o9", messages.order_placed(order_id="o9", placed_at=messages.NOW))
        if (cursor := page["next_cursor"]) is None:
            break

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


def test_a_command_tells_how_it_is(shop: Shop) -> None:
    body = {"product_id": "p1", "name": "Teapot", "unit_price": 1, "currency": "EUR"}
    command_id = shop.staff.simulate_post("/products", json=body).json["command_id"]
    path = f"/commands/{command_id}"

    accepted = shop.staff.simulate_get(path)
    rejection = Rejection(kind=RejectionKind.CONFLICT, code="id-taken", detail="Taken.")
    shop.finish(command_id, status=CommandStatus.REJECTED, version=None, rejection=rejection)
    rejected = shop.staff.simulate_get(path, headers={"If-None-Match": accepted.headers["etag"]})

    assert accepted.json["status"] == "accepted"
    assert accepted.json["stream"] == "product-p1"
    assert accepted.json["finished_at"] is accepted.json["problem"] is None
    assert set(accepted.json["visible"].values()) == {False}
    assert rejected.json["status"] == "rejected"
    assert rejected.json["problem"]["status"] == 409
    assert rejected.json["finished_at"].endswith("Z")
    same = shop.staff.simulate_get(path, headers={"If-None-Match": rejected.headers["etag"]})
    assert same.status_code == 304


def test_a_customer_sees_its_own_commands(shop: Shop) -> None:
    body = {"name": "Ann", "email": "a@b.cd"}
    path = f"/commands/{shop.ann.simulate_post('/customers', json=body).json['command_id']}"

    answers = [client.simulate_get(path).status_code for client in (shop.ann, shop.bob, shop.staff, shop.ops)]

    assert answers == [200, 404, 200, 200]


def committed(shop: Shop, stream: str, version: int, *happened: Any, partition: int = 0) -> None:
    decision = Decision(
        partition=partition,
        command_id=f"{stream}/{version}",
        correlation_id="r1",
        at=messages.NOW,
        by="staff:sam",
        stream=stream,
        version=version,
        events=tuple(events.to_stored(event) for event in happened),
        state={},
    )
    shop.log.append([decision])


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_feed_gives_every_event_once_in_order(shop: Shop, limit: int) -> None:
    committed(shop, "customer-c1", 1, messages.customer_registered())
    refusal = {"status": "rejected"}
    for n in range(3):
        refused = Decision(0, f"refused{n}", "r1", messages.NOW, "staff:sam", outcome=refusal)
        shop.log.append([refused])
    committed(shop, "customer-c1", 2, messages.customer_renamed(), messages.customer_email_changed())
    committed(shop, "product-p1", 1, messages.product_added(), partition=3)
    shop.log.close([(3, 2)])

    seen: list[dict[str, Any]] = []
    after = ""
    while page := shop.ops.simulate_get("/events", params={"limit": str(limit), "after": after}).json:
        assert len(page["events"]) <= limit
        seen += page["events"]
        after = page["next"]
        if not page["events"]:
            break

    of_ann = [(e["type"], e["version"], e["seq"]) for e in seen if e["stream"] == "customer-c1"]
    assert of_ann == [("CustomerRegistered", 1, 1), ("CustomerRenamed", 2, 5), ("CustomerEmailChanged", 2, 5)]
    assert len(seen) == 4
    assert seen[0].keys() == {
        *("command_id", "correlation_id", "stream", "version", "at", "type", "data", "partition", "seq")
    }

    committed(shop, "product-p1", 2, messages.product_renamed(), partition=3)
    more = shop.ops.simulate_get("/events", params={"after": after}).json
    assert [e["type"] for e in more["events"]] == ["ProductRenamed"]


def test_roles_are_kept_apart_on_every_route(shop: Shop) -> None:
    clients = {Role.CUSTOMER: shop.ann, Role.STAFF: shop.staff, Role.OPS: shop.ops}
    table = routes(shop.services)
    assert {route.path for route in table if ANYONE in route.roles.values()} == {
        "/health/live",
        "/health/ready",
    }

    for route in table:
        path = route.path.replace("{customer_id}", "c1").replace("{", "").replace("}", "")
        for method, roles in route.roles.items():
            for role, client in clients.items():
                status = client.simulate_request(method, path).status_code
                assert (status == 403) is (bool(roles) and role not in roles), (method, path, role)
            anonymous = shop.client().simulate_request(method, path)
            assert (anonymous.status_code == 401) is bool(roles)
            assert bool(roles) is ("www-authenticate" in anonymous.headers)


def test_what_is_not_there_is_a_problem(shop: Shop) -> None:
    missing = shop.client().simulate_get("/nope")
    refused = shop.client().simulate_delete("/orders")

    assert missing.status_code == 404
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    for result in (missing, refused):
        assert result.headers["content-type"] == "application/problem+json"


def test_ready_names_its_parts(shop: Shop) -> None:
    result = shop.client().simulate_get("/health/ready")

    assert (result.status_code, result.json["status"]) == (200, "ready")
    assert set(result.json["parts"]) == {"write_store", "read_store", "read_models", "bus"}


def test_without_redis_it_is_degraded_and_ready(settings: Settings) -> None:
    with open_shop(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as shop:
        result = shop.client().simulate_get("/health/ready")

        assert (result.status_code, result.json["status"]) == (200, "degraded")
        assert result.json["parts"]["bus"] == "unavailable"
        assert shop.staff.simulate_get("/orders").status_code == 200


def test_before_the_projections_have_run_it_is_not_ready(settings: Settings) -> None:
    with open_shop(settings) as shop:
        shop.read["checkpoints"].delete_many({"name": "order_detail"})

        result = shop.client().simulate_get("/health/ready")

        assert result.status_code == result.json["status"] == 503
        assert result.headers["content-type"] == "application/problem+json"
        assert result.json["parts"]["read_models"] == "starting"
