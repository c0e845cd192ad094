"""Ids as identity providers give them, wherever an id travels: addresses, pages, streams, mending."""

from typing import Any
from urllib.parse import quote

import pytest
from falcon import testing

from api.ops import parked as parked_resource
from bus.messages.principal import Role
from bus.messages.streams import customer_stream, product_stream
from read_side.audit.audit import audit
from read_side.projections.customers import CUSTOMERS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from tests.integration.api.both_sides import BothSides
from tests.integration.spoiling import repair, spoil
from tests.support import messages

IDS = [
    *("auth0|5f7c8ec7c33c6c004bbafe82", "ann+shop@example.com", "google-oauth2|1-2", "name|customer-c1"),
    *("...", "-|+@:_.", "+", "x" * 128),
]
"""Of a customer, and of a product of the same name."""
DONE = 201


def whole(identity: str) -> str:
    """With everything written as ``%``, as a client does that knows nothing of what may stay."""
    return quote(identity, safe="")


def sell(both: BothSides, identity: str) -> str:
    """Register the customer and the product, and place an order of theirs; returns its id."""
    staff = both.shop.staff
    customer = {"customer_id": identity, "name": "Ann Archer", "email": "ann@example.com"}
    product = {"product_id": identity, "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
    for path, body in (("/customers", customer), ("/products", product)):
        made = both.ask(staff, "POST", path, body)
        assert made.status_code == DONE, made.text
        assert made.headers["location"] == f"{path}/{quote(identity, safe=':@')}"
    order = {"items": [{"product_id": identity, "quantity": 2}], "shipping_address": messages.ADDRESS}
    placed = both.ask(own(both, identity), "POST", "/orders", order)
    assert placed.status_code == DONE, placed.text
    order_id: str = placed.json["order_id"]
    return order_id


def own(both: BothSides, identity: str) -> testing.TestClient:
    return both.shop.client(Role.CUSTOMER, identity)


def shown(client: testing.TestClient, path: str) -> Any:
    result = client.simulate_get(path)
    assert result.status_code == 200, (path, result.text)
    return result.json


@pytest.mark.parametrize("identity", IDS, ids=lambda identity: identity[:24])
def test_a_customer_and_a_product_are_what_they_are_called(both: BothSides, identity: str) -> None:
    order_id = sell(both, identity)
    both.ask(own(both, identity), "PATCH", f"/customers/{whole(identity)}", {"name": "Ann Baker"})
    both.ask(both.shop.staff, "PATCH", f"/products/{whole(identity)}", {"name": "Pot"})
    both.read.drain()

    customer, staff = own(both, identity), both.shop.staff
    record = shown(customer, f"/customers/{whole(identity)}")
    assert (record["customer_id"], record["name"], record["orders"]) == (identity, "Ann Baker", 1)
    assert record == shown(customer, f"/customers/{quote(identity, safe=':@|+')}"), "an encoding is only one"
    assert shown(customer, f"/products/{whole(identity)}")["name"] == "Pot"
    for consistency in ("eventual", "strong"):
        order = shown(customer, f"/orders/{order_id}?consistency={consistency}")
        assert (order["customer_id"], order["customer_name"]) == (identity, "Ann Baker")
        assert order["items"][0]["product_id"] == identity
    listed = shown(customer, "/orders")["orders"]
    assert [(row["order_id"], row["customer_name"]) for row in listed] == [(order_id, "Ann Baker")]
    assert listed == shown(staff, f"/orders?customer_id={whole(identity)}&status=pending")["orders"]
    [sold] = shown(staff, "/analytics/products")["products"]
    assert (sold["product_id"], sold["product_name"], sold["units"]) == (identity, "Pot", 2)

    assert both.shop.bob.simulate_get(f"/customers/{whole(identity)}").status_code == 404
    assert both.shop.bob.simulate_get(f"/orders/{order_id}").status_code == 404
    assert both.shop.bob.simulate_get(f"/orders?customer_id={whole(identity)}").status_code == 403
    assert audit(both.shop.log, both.read.database) == []


@pytest.mark.parametrize("identity", IDS, ids=lambda identity: identity[:24])
def test_a_story_is_found_by_the_id_and_by_the_streams_name(both: BothSides, identity: str) -> None:
    sell(both, identity)
    both.read.drain()
    for kind, stream in (("customer", customer_stream(identity)), ("product", product_stream(identity))):
        story = shown(both.shop.ops, f"/ops/stories/{whole(identity)}?kind={kind}")
        assert (story["id"], story["stream"], story["version"]) == (identity, stream, 1)
        by_stream = shown(both.shop.ops, f"/ops/stories/{whole(stream)}")
        assert (by_stream["kind"], by_stream["stream"], by_stream["commits"]) == (
            *(kind, stream, story["commits"]),
        )


def test_pages_by_id_show_each_once_in_order(both: BothSides) -> None:
    for identity in IDS:
        sell(both, identity)
    both.read.drain()
    for path in ("/customers", "/products"):
        ids: list[str] = []
        query = "?limit=1"
        while query:
            page = shown(both.shop.staff, f"{path}{query}")
            ids += [row[f"{path[1:-1]}_id"] for row in page[path[1:]]]
            query = f"?limit=1&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        assert ids == sorted(IDS)


@pytest.mark.parametrize("identity", IDS[:2])
def test_a_parked_stream_is_named_asked_for_and_mended(
    both: BothSides, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked_resource, "WAIT_S", 0.0)
    order_id = sell(both, identity)
    both.ask(both.shop.staff, "PATCH", f"/customers/{whole(identity)}", {"name": "Ann Baker"})
    both.ask(both.shop.staff, "PATCH", f"/products/{whole(identity)}", {"name": "Pot"})
    customer, product = customer_stream(identity), product_stream(identity)
    spoil(both.write, customer, 2)
    spoil(both.write, product, 2)
    mendable = ((ORDER_SUMMARY, customer), (ORDER_DETAIL, customer), (PRODUCTS, product))
    both.read.drain()
    both.look_again()

    parked = shown(both.shop.ops, "/ops/parked")["parked"]
    assert {row["stream"] for row in parked} == {customer, product}
    assert "stale" in shown(own(both, identity), f"/orders/{order_id}")
    assert "stale" in shown(own(both, identity), f"/customers/{whole(identity)}")
    assert "stale" in shown(own(both, identity), f"/products/{whole(identity)}")

    repair(both.write)
    for model, stream in mendable:
        meant = {"read_model": model.name, "stream": stream}
        told = both.shop.ops.simulate_post("/ops/parked/retry", json=meant)
        assert told.status_code == 200, told.text
        both.read.drain([model])
    both.look_again()
    order = shown(own(both, identity), f"/orders/{order_id}")
    assert ("stale" in order, order["customer_name"]) == (False, "Ann Baker")
    parked = shown(both.shop.ops, "/ops/parked")["parked"]
    left = {(row["read_model"], row["stream"]) for row in parked}
    assert left.isdisjoint((model.name, stream) for model, stream in mendable)
    assert audit(both.shop.log, both.read.database, [model for model, _ in mendable]) == []


@pytest.mark.parametrize("identity", [".", ".."])
def test_what_means_another_place_in_an_address_is_no_id(both: BothSides, identity: str) -> None:
    body = {"customer_id": identity, "name": "Ann", "email": "ann@example.com"}
    refused = both.shop.staff.simulate_post("/customers", json=body)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "customer_id")
    by_its_path = both.shop.staff.simulate_get(f"/customers/{identity.replace('.', '%2E')}")
    assert (by_its_path.status_code, by_its_path.json["type"]) == (404, "/problems/unknown-customer")


def test_a_registered_customer_without_an_id_of_its_own_is_its_subject(both: BothSides) -> None:
    identity = "auth0|5f7c8ec7c33c6c004bbafe82"
    body = {"name": "Ann", "email": "ann@example.com"}
    made = both.ask(own(both, identity), "POST", "/customers", body)
    assert (made.status_code, made.json["customer_id"]) == (DONE, identity)
    both.read.drain([CUSTOMERS])
    assert shown(own(both, identity), made.headers["location"])["customer_id"] == identity
