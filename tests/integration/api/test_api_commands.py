"""Commands over HTTP: accepted and kept, waited for, and what they come to."""

import threading
from typing import Any

import pytest
from bson import Timestamp
from falcon import testing
from pydantic import SecretStr

from api.local.mongod import Mongod
from api.local.redis_server import RedisServer
from bus.messages.orders import PlaceOrder
from bus.messages.outcome import CommandStatus
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from bus.messages.streams import customer_stream, order_stream, partition_of
from bus.settings import Settings
from tests.support.shop_api import Shop, open_shop, settings_for_a_module
from tests.support.waiting import until

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
ORDER: dict[str, Any] = {"items": [{"product_id": "p1", "quantity": 2}], "shipping_address": ADDRESS}
EVER = Timestamp(2**32 - 1, 0)
PRODUCT = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}


def waiting(
    shop: Shop, client: testing.TestClient, method: str, path: str, body: dict[str, Any], **outcome: Any
) -> testing.Result:
    """Send with ``Prefer: wait``, and finish the command while its sender waits."""
    results: list[testing.Result] = []

    def send() -> None:
        results.append(client.simulate_request(method, path, json=body, headers={"Prefer": "wait=30"}))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        known = until(lambda: shop.inbox.unfinished_since(EVER, 1), 5, "a command in the inbox")
        (entry,) = shop.inbox.unfinished(list(known))
        shop.finish(entry.command_id, **outcome)
    finally:
        sender.join(40)
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
    ("kind", "code", "status"),
    [
        (RejectionKind.NOT_FOUND, "unknown-order", 404),
        (RejectionKind.INVALID, "unknown-product", 422),
        (RejectionKind.CONFLICT, "status-not-allowed", 409),
        (RejectionKind.VERSION_MISMATCH, "version-mismatch", 412),
    ],
)
def test_a_rejection_that_is_waited_for_is_its_problem(
    shop: Shop, kind: RejectionKind, code: str, status: int
) -> None:
    errors = (FieldError(field="items.0.product_id", message="there is no product p1"),)
    rejection = Rejection(kind=kind, code=code, detail="No p1.", errors=errors)

    cancelled = {"status": "cancelled"}
    result = waiting(
        shop,
        shop.ann,
        "PATCH",
        "/orders/o1/status",
        cancelled,
        status=CommandStatus.REJECTED,
        rejection=rejection,
    )

    assert result.status_code == result.json["status"] == status
    assert result.json["type"] == f"/problems/{code}"
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
        with shop.services.commands._slots.one():
            result = shop.ann.simulate_post("/orders", json=ORDER, headers={"Prefer": "wait=30"})

        assert result.status_code == 202


@pytest.mark.timeout(25, func_only=True)
def test_waiting_ends_when_the_process_is_to_stop(settings: Settings) -> None:
    """The test's own timeout is shorter than what is asked for."""
    with open_shop(settings) as shop:
        shop.services.commands._stopping.set()

        result = shop.ann.simulate_post("/orders", json=ORDER, headers={"Prefer": "wait=30"})

        assert result.status_code == 202


def test_commands_are_accepted_without_redis(settings: Settings) -> None:
    with open_shop(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})) as shop:
        result = shop.ann.simulate_post("/orders", json=ORDER)

        assert result.status_code == 202
        assert shop.inbox.find(result.json["command_id"]) is not None


def test_a_customer_that_sends_too_many_a_second_is_refused(
    redis_server: RedisServer, mongo_server: Mongod
) -> None:
    """Though each is finished before the next; and staff is not."""
    own = settings_for_a_module(redis_server.url, mongo_server.uri)
    bounds = {"max_unfinished_per_caller": 3, "max_unfinished_per_staff": 3, "max_commands_per_second": 1}
    slow = own.model_copy(update=bounds)
    with open_shop(slow) as shop:

        def sent(client: testing.TestClient, **body: Any) -> testing.Result:
            result = client.simulate_post("/orders", json=ORDER | body)
            if result.status_code == 202:
                shop.finish(result.json["command_id"])
            return result

        answers = [sent(shop.ann) for _ in range(3)]
        while answers[-1].status_code == 202 and len(answers) < 30:
            answers.append(sent(shop.ann))
        *accepted, refused = answers
        assert {answer.status_code for answer in accepted} == {202}
        assert len(accepted) >= 3
        assert (refused.status_code, refused.json["type"]) == (429, "/problems/too-many-commands")
        assert refused.headers["retry-after"] == "1"
        assert {sent(shop.staff, customer_id="c1").status_code for _ in range(10)} == {202}
