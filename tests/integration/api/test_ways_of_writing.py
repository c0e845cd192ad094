"""Numbers, times and bodies that are written in another way than most write them, over HTTP."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import pytest
from falcon import testing

from api.http import bodies
from api.middleware import deadline
from bus.messages.orders import PlaceOrder
from bus.messages.products import AddProduct
from tests.integration.api.waiting_callers import serving
from tests.support.shop_api import Shop

PRODUCT = '{"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}'
ORDER: dict[str, Any] = {
    "customer_id": "c1",
    "items": [{"product_id": "p1", "quantity": 2}],
    "shipping_address": {"line1": "1 High Street", "city": "Leeds", "country": "GB"},
}
JSON = {"Content-Type": "application/json"}
BOTH = "application/json, application/merge-patch+json"


def post(shop: Shop, path: str, text: str, **headers: str) -> testing.Result:
    return shop.staff.simulate_post(path, body=text.encode(), headers={**JSON, **headers})


def accepted(shop: Shop, result: testing.Result) -> Any:
    """The command that a request came to."""
    assert result.status_code == 202
    entry = shop.inbox.find(result.json["command_id"])
    assert entry is not None
    return entry.envelope.command


@pytest.mark.parametrize("written", ["2500", "2500.0", "2.5e3", "25e2", "2500.000E0"])
def test_a_whole_number_is_one_however_it_is_written(shop: Shop, written: str) -> None:
    command = accepted(shop, post(shop, "/products", PRODUCT.replace("2500", written)))

    assert isinstance(command, AddProduct)
    assert (command.unit_price, type(command.unit_price)) == (2500, int)


def test_written_in_another_way_it_is_the_same_request(shop: Shop) -> None:
    key = {"Idempotency-Key": "k1"}
    texts = [PRODUCT.replace("2500", written) for written in ("2500", "2500.0", "2.5e3")]

    answers = [post(shop, "/products", text, **key) for text in texts]
    other = post(shop, "/products", PRODUCT.replace("2500", "2501.0"), **key)

    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.json["command_id"] for answer in answers}) == 1
    assert (other.status_code, other.json["type"]) == (422, "/problems/idempotency-key-reused")


@pytest.mark.parametrize("written", ['"2500"', '"2500.0"', "2500.5", "true", "1e10", "2500e-3"])
def test_nothing_else_is_a_whole_number(shop: Shop, written: str) -> None:
    result = post(shop, "/products", PRODUCT.replace("2500", written))

    assert result.status_code == 422
    assert [error["field"] for error in result.json["errors"]] == ["unit_price"]


@pytest.mark.parametrize("written", ["2016-12-31T23:59:60Z", "2017-01-01T00:59:60.7+01:00"])
def test_a_leap_second_is_a_time(shop: Shop, written: str) -> None:
    command = accepted(shop, post(shop, "/orders", json.dumps({**ORDER, "occurred_at": written})))

    assert isinstance(command, PlaceOrder)
    assert command.occurred_at == datetime(2016, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)


def test_no_other_minute_has_61_seconds(shop: Shop) -> None:
    result = post(shop, "/orders", json.dumps({**ORDER, "occurred_at": "2016-12-31T12:00:60Z"}))

    assert (result.status_code, result.json["errors"][0]["field"]) == (422, "occurred_at")


def test_the_type_of_a_problem_leads_to_its_page(shop: Shop) -> None:
    refused = post(shop, "/products", PRODUCT.replace("2500", '"2500"'))
    shown = shop.client().simulate_get(urljoin("/products", refused.json["type"]))

    assert shown.status_code == 200
    assert shown.json["type"] == refused.json["type"]
    assert refused.status_code in shown.json["statuses"]


@pytest.fixture
def unhurried_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """No request is given up because a busy machine keeps the database from answering."""
    monkeypatch.setattr(deadline, "OPERATIONS_S", 30.0)
    return shop


def test_all_this_holds_on_the_wire(unhurried_shop: Shop) -> None:
    """Over one connection that stays open: what has no body ends where it should."""
    with serving(unhurried_shop) as web:
        options = web.client.options("/products/p1")
        changed = web.client.patch(
            "/products/p1", content='{"unit_price": 2.6e3}', headers={"Content-Type": BOTH.split(", ")[1]}
        )
        refused = web.client.patch("/products/p1", content="name=Pot", headers={"Content-Type": "text/plain"})
        encoded = web.client.patch(
            "/products/p1", content=b"{}", headers={**JSON, "Content-Encoding": "gzip"}
        )
        head = web.client.head("/", headers={"Accept": "text/html"})
        page = web.client.get("/", headers={"Accept": "text/html"})
        deleted = web.client.delete("/products/p1")

    assert (options.status_code, options.content, options.headers["content-length"]) == (200, b"", "0")
    assert options.headers["allow"] == deleted.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert options.headers["accept-patch"] == refused.headers["accept-patch"] == BOTH
    assert changed.status_code == 202
    assert (refused.status_code, encoded.status_code, deleted.status_code) == (415, 415, 405)
    assert encoded.headers["accept-encoding"] == "identity"
    assert head.headers["content-length"] == page.headers["content-length"] == str(len(page.content))
    assert re.search("<h1>Twofold</h1>", page.text)


@pytest.mark.parametrize("how", ["with its length", "chunked"])
def test_a_body_has_at_most_128_kib_on_the_wire(unhurried_shop: Shop, how: str) -> None:
    def sent(size: int) -> Any:
        text = PRODUCT.encode() + b" " * (size - len(PRODUCT))
        return iter([text]) if how == "chunked" else text

    with serving(unhurried_shop) as web:
        fits = web.client.post("/products", content=sent(bodies.MAX_BODY_BYTES), headers=JSON)
        too_large = web.client.post("/products", content=sent(bodies.MAX_BODY_BYTES + 1), headers=JSON)
        far_too_large = web.client.post("/products", content=sent(2 * 1024 * 1024), headers=JSON)

    assert fits.status_code == 202
    for refused in (too_large, far_too_large):
        assert (refused.status_code, refused.json()["type"]) == (413, "/problems/body-too-large")
