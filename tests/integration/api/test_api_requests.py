"""Commands over HTTP: sent twice, meant for a version, and by whom they may be sent."""

from typing import Any

import pytest
from bson import Timestamp

from bus.messages.orders import ChangeOrderStatus
from tests.support.shop_api import WAIT, Shop

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
ORDER: dict[str, Any] = {"items": [{"product_id": "p1", "quantity": 2}], "shipping_address": ADDRESS}
EVER = Timestamp(2**32 - 1, 0)
PRODUCT = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}


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


def test_what_cannot_be_an_id_is_not_there(shop: Shop) -> None:
    for path in ("/customers/a%20b", "/products/" + "x" * 129, "/orders/é/status"):
        assert shop.staff.simulate_patch(path, json={"status": "confirmed"}).status_code == 404


def test_a_command_takes_no_query(shop: Shop) -> None:
    assert shop.ann.simulate_post("/orders?x=1", json=ORDER).status_code == 400
