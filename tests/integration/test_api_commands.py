"""Commands over HTTP: accepted and kept, waited for, sent twice, and what they come to."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bson import Timestamp
from falcon import testing

from bus.local.mongod import Mongod
from bus.local.redis_server import RedisServer
from bus.messages.commands import ChangeOrderStatus, PlaceOrder
from bus.messages.outcome import CommandStatus
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from bus.messages.streams import customer_stream, order_stream, partition_of
from bus.settings import Settings
from tests.shop_api import WAIT, Shop, open_shop, settings_for_a_module
from tests.waiting import until

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
ORDER: dict[str, Any] = {"items": [{"product_id": "p1", "quantity": 2}], "shipping_address": ADDRESS}
EVER = Timestamp(2**32 - 1, 0)
PRODUCT = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}


@pytest.fixture(scope="module")
def opened(redis_server: RedisServer, mongo_server: Mongod) -> Iterator[Shop]:
    with open_shop(settings_for_a_module(redis_server.url, mongo_server.uri)) as shop:
        yield shop


@pytest.fixture
def shop(opened: Shop) -> Shop:
    opened.empty()
    return opened


def waiting(
    shop: Shop, client: testing.TestClient, method: str, path: str, body: dict[str, Any], **outcome: Any
) -> testing.Result:
    """Send with ``Prefer: wait``, and finish the command while its sender waits."""
    results: list[testing.Result] = []

    def send() -> None:
        results.append(client.simulate_request(method, path, json=body, headers=WAIT))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        entry = until(lambda: shop.inbox.unfinished_since(EVER, 1), 5, "a command in the inbox")[0]
        shop.finish(entry.command_id, **outcome)
    finally:
        sender.join(10)
    return results[0]


def test_an_order_is_accepted_and_kept(shop: Shop) -> None:
    result = shop.ann.simulate_post("/orders", json=ORDER, headers={"X-Correlation-Id": "r1"})

    command_id, order_id = result.json["command_id"], result.json["order_id"]
    assert result.status_code == 202
    assert result.json == {"command_id": command_id, "order_id": order_id, "status": "accepted"}
    assert result.headers["location"] == f"/orders/{order_id}"
    assert result.headers["link"] == f'</commands/{command_id}>; rel="status"'
    assert result.headers["x-correlation-id"] == "r1"
    assert "preference-applied" not in result.headers
    entry = shop.inbox.find(command_id)
    assert entry is not None
    assert isinstance(entry.envelope.command, PlaceOrder)
    assert entry.envelope.command.customer_id == "c1"
    assert entry.envelope.correlation_id == "r1"
    partitions = shop.log.partitions
    assert partition_of(order_stream(order_id), partitions) == partition_of(customer_stream("c1"), partitions)


@pytest.mark.parametrize(
    ("method", "path", "body", "ids", "location"),
    [
        (
            "POST",
            "/customers",
            {"customer_id": "c9", "name": "Ann", "email": "a@b.cd"},
            "c9",
            "/customers/c9",
        ),
        ("PATCH", "/customers/c9", {"name": "Ann"}, "c9", None),
        ("POST", "/products", PRODUCT, "p1", "/products/p1"),
        ("PATCH", "/products/p1", {"unit_price": 0}, "p1", None),
        ("PATCH", "/orders/o1/status", {"status": "confirmed"}, "o1", None),
    ],
)
def test_every_other_command_is_accepted(  # noqa: PLR0917
    shop: Shop, method: str, path: str, body: dict[str, Any], ids: str, location: str | None
) -> None:
    result = shop.staff.simulate_request(method, path, json=body)

    assert result.status_code == 202
    assert ids in result.json.values()
    assert result.headers["location"] == (location or f"/commands/{result.json['command_id']}")


def test_a_creation_that_is_waited_for_is_a_201(shop: Shop) -> None:
    result = waiting(shop, shop.ann, "POST", "/orders", ORDER, total=5000)

    assert result.status_code == 201
    assert result.json.keys() == {"command_id", "order_id", "version", "total"}
    assert (result.json["version"], result.json["total"]) == (1, 5000)
    assert result.headers["location"] == f"/orders/{result.json['order_id']}"
    assert result.headers["preference-applied"] == "wait"
    assert result.headers["consistency-token"]


def test_a_change_that_is_waited_for_is_a_204(shop: Shop) -> None:
    result = waiting(shop, shop.staff, "PATCH", "/customers/c1", {"name": "Ann"}, version=2)

    assert (result.status_code, result.content) == (204, b"")
    assert result.headers["preference-applied"] == "wait"
    assert 'rel="status"' in result.headers["link"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (RejectionKind.NOT_FOUND, 404),
        (RejectionKind.INVALID, 422),
        (RejectionKind.CONFLICT, 409),
        (RejectionKind.VERSION_MISMATCH, 412),
    ],
)
def test_a_rejection_that_is_waited_for_is_its_problem(shop: Shop, kind: RejectionKind, status: int) -> None:
    errors = (FieldError(field="items.0.product_id", message="there is no product p1"),)
    rejection = Rejection(kind=kind, code="unknown-product", detail="No p1.", errors=errors)

    result = waiting(
        shop, shop.ann, "POST", "/orders", ORDER, status=CommandStatus.REJECTED, rejection=rejection
    )

    assert result.status_code == result.json["status"] == status
    assert result.json["type"] == "/problems/unknown-product"
    assert result.json["errors"] == [{"field": "items.0.product_id", "message": "there is no product p1"}]
    assert result.headers["preference-applied"] == "wait"
    assert result.headers["link"] == f'<{result.json["instance"]}>; rel="status"'


def test_a_failure_that_is_waited_for_names_the_command(shop: Shop) -> None:
    result = waiting(shop, shop.ann, "POST", "/orders", ORDER, status=CommandStatus.FAILED, error="hunter2")

    assert result.status_code == 500
    assert result.json["type"] == "/problems/command-failed"
    assert "hunter2" not in result.text


def test_what_is_not_done_in_time_is_the_202(shop: Shop) -> None:
    result = shop.ann.simulate_post("/orders", json=ORDER, headers={"Prefer": "wait=1"})

    assert result.status_code == 202
    assert "preference-applied" not in result.headers


def test_without_a_free_place_to_wait_the_202_comes_at_once(settings: Settings) -> None:
    with open_shop(settings, wait_slots=1) as shop:
        shop.services.commands._slots.acquire()

        result = shop.ann.simulate_post("/orders", json=ORDER, headers={"Prefer": "wait=30"})

        assert result.status_code == 202


@pytest.mark.timeout(25)
def test_waiting_ends_when_the_process_is_to_stop(settings: Settings) -> None:
    """The test's own timeout is shorter than what is asked for."""
    with open_shop(settings) as shop:
        shop.services.commands.stop_waiting()

        result = shop.ann.simulate_post("/orders", json=ORDER, headers={"Prefer": "wait=30"})

        assert result.status_code == 202


def test_commands_are_accepted_without_redis(settings: Settings) -> None:
    with open_shop(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as shop:
        result = shop.ann.simulate_post("/orders", json=ORDER)

        assert result.status_code == 202
        assert shop.inbox.find(result.json["command_id"]) is not None


def test_the_same_key_with_the_same_request_is_the_same_command(shop: Shop) -> None:
    key = {"Idempotency-Key": "k1"}
    first = shop.ann.simulate_post("/orders", json=ORDER, headers=key)
    again = shop.ann.simulate_post("/orders", json=dict(reversed(ORDER.items())), headers=key)

    assert (again.status_code, again.json) == (202, first.json)

    shop.finish(first.json["command_id"], total=5000)
    done = shop.ann.simulate_post("/orders", json=ORDER, headers=key)

    assert done.status_code == 201
    assert done.json == {
        "command_id": first.json["command_id"],
        "order_id": first.json["order_id"],
        "version": 1,
        "total": 5000,
    }
    assert "preference-applied" not in done.headers


def test_the_same_key_with_another_request_is_a_422(shop: Shop) -> None:
    key = {"Idempotency-Key": "k1"}
    shop.staff.simulate_patch("/products/p1", json={"name": "Pot"}, headers=key)

    others = [
        shop.staff.simulate_patch("/products/p1", json={"name": "Can"}, headers=key),
        shop.staff.simulate_patch("/products/p2", json={"name": "Pot"}, headers=key),
        shop.staff.simulate_patch("/products/p1", json={"name": "Pot"}, headers={**key, "If-Match": '"v1"'}),
        shop.staff.simulate_post("/products", json=PRODUCT, headers={**key, **WAIT}),
    ]

    assert [other.status_code for other in others] == [422] * 4
    assert others[0].json["type"] == "/problems/idempotency-key-reused"


def test_a_key_belongs_to_its_sender(shop: Shop) -> None:
    key = {"Idempotency-Key": "k1"}
    ids = {
        client.simulate_post("/orders", json={**ORDER, "customer_id": customer}, headers=key).json[
            "command_id"
        ]
        for client, customer in ((shop.ann, "c1"), (shop.bob, "c2"), (shop.staff, "c1"))
    }

    assert len(ids) == 3


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_malformed_key_is_a_400(shop: Shop, key: str) -> None:
    result = shop.ann.simulate_post("/orders", json=ORDER, headers={"Idempotency-Key": key})

    assert result.status_code == 400


def test_if_match_says_which_versions_are_meant(shop: Shop) -> None:
    result = shop.staff.simulate_patch(
        "/orders/o1/status", json={"status": "confirmed"}, headers={"If-Match": '"v3.1.9", "v4"'}
    )

    entry = shop.inbox.find(result.json["command_id"])
    assert entry is not None
    assert entry.envelope.expected_versions == (3, 4)
    assert isinstance(entry.envelope.command, ChangeOrderStatus)


def test_if_match_must_be_readable(shop: Shop) -> None:
    result = shop.staff.simulate_patch("/products/p1", json={"name": "x"}, headers={"If-Match": "v3"})

    assert result.status_code == 400


def test_a_customer_acts_for_itself_only(shop: Shop) -> None:
    forbidden = [
        shop.ann.simulate_post("/orders", json={**ORDER, "customer_id": "c2"}),
        shop.ann.simulate_post("/orders", json={**ORDER, "occurred_at": "2024-05-01T12:00:00Z"}),
        shop.ann.simulate_patch("/orders/o1/status", json={"status": "shipped"}),
        shop.ann.simulate_patch(
            "/orders/o1/status", json={"status": "cancelled", "occurred_at": "2024-05-01T12:00:00Z"}
        ),
        shop.ann.simulate_post("/customers", json={"customer_id": "c2", "name": "Bob", "email": "b@c.de"}),
    ]
    hidden = shop.ann.simulate_patch("/customers/c2", json={"name": "Bob"})

    assert [result.status_code for result in forbidden] == [403] * 5
    assert hidden.status_code == 404


def test_a_customer_need_not_say_who_it_is(shop: Shop) -> None:
    registered = shop.ann.simulate_post("/customers", json={"name": "Ann", "email": "a@b.cd"})
    cancelled = shop.ann.simulate_patch("/orders/o1/status", json={"status": "cancelled"})

    assert registered.json["customer_id"] == "c1"
    assert cancelled.status_code == 202


def test_staff_says_whose_order_it_is(shop: Shop) -> None:
    result = shop.staff.simulate_post("/orders", json=ORDER)

    assert result.status_code == 422
    assert result.json["errors"] == [{"field": "customer_id", "message": "required"}]


def test_what_cannot_be_an_id_is_not_there(shop: Shop) -> None:
    for path in ("/customers/a%20b", "/products/" + "x" * 65, "/orders/é/status"):
        assert shop.staff.simulate_patch(path, json={"status": "confirmed"}).status_code == 404


def test_a_command_takes_no_query(shop: Shop) -> None:
    assert shop.ann.simulate_post("/orders?x=1", json=ORDER).status_code == 400
