"""Which methods and media types are taken, and what caches are told."""

from typing import Any

import pytest

from api.app import routes
from bus.messages.customers import RegisterCustomer
from bus.messages.principal import Role
from tests.support import messages
from tests.support.shop_api import Shop

CUSTOMER = {"name": "Ann", "email": "a@b.cd"}
IDS = {"customer_id": "c1", "product_id": "p1", "order_id": "o1", "command_id": "k1", "file": "nope"}
IDS |= {"story_id": "o1", "failure_id": "k1", "read_model": "customers"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def test_other_methods_are_a_405_that_lists_the_right_ones(shop: Shop) -> None:
    for route in routes(shop.services):
        allowed = set(route.roles) | ({"HEAD"} if "GET" in route.roles else set())
        for method in set(METHODS) - allowed:
            result = shop.staff.simulate_request(method, route.path.format(**IDS))
            assert result.status_code == 405, (method, route.path)
            assert set(result.headers["allow"].split(", ")) == allowed | {"OPTIONS"}
            if method != "HEAD":
                assert result.headers["content-type"] == "application/problem+json"
                assert result.json["status"] == 405


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        *((a, 200) for a in (None, "", "*/*", "application/*", "application/json", "text/html, */*;q=0.1")),
        *((a, 200) for a in ("application/json; charset=utf-8", "text/html;q=0, application/json;q=0.001")),
        *((a, 200) for a in ("application/problem+json, application/json", "APPLICATION/JSON")),
        *((a, 406) for a in ("text/html", "application/xml, text/*", "application/json;q=0", "*/*;q=0")),
        *((a, 406) for a in ("*/*, application/json;q=0", "application/problem+json", "json", "a/b/c;q=x")),
    ],
)
def test_who_will_not_take_json_is_told(shop: Shop, accept: str | None, status: int) -> None:
    headers = {} if accept is None else {"Accept": accept}
    result = shop.staff.simulate_get("/orders", headers=headers)
    assert result.status_code == status
    if status == 406:
        assert result.headers["content-type"] == "application/problem+json"
        assert result.json["type"] == "/problems/not-acceptable"


def test_a_command_whose_answer_nobody_would_take_is_not_accepted(shop: Shop) -> None:
    refused = shop.ann.simulate_post("/customers", json=CUSTOMER, headers={"Accept": "text/html"})
    assert refused.status_code == 406
    assert shop.inbox._commands.count_documents({}) == 0


def test_who_may_not_know_is_told_that_first(shop: Shop) -> None:
    html = {"Accept": "text/html"}
    assert shop.client().simulate_get("/orders", headers=html).status_code == 401
    assert shop.ops.simulate_get("/orders", headers=html).status_code == 403
    assert shop.client().simulate_get("/health/live", headers=html).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        *((t, 202) for t in ("application/json", "Application/JSON", 'application/json; charset="UTF-8"')),
        *((t, 415) for t in ("", "text/plain", "application/x-www-form-urlencoded", "application/jsonp")),
        *((t, 415) for t in ("application/json; charset=latin-1", "application/merge-patch+json", "json")),
    ],
)
def test_bodies_are_json(shop: Shop, content_type: str, status: int) -> None:
    body = b'{"name": "Ann", "email": "a@b.cd"}'
    result = shop.ann.simulate_post("/customers", body=body, headers={"Content-Type": content_type})
    assert result.status_code == status
    if status == 415:
        assert result.json["type"] == "/problems/unsupported-media-type"
        assert result.headers["accept"] == "application/json"


def test_an_encoded_body_is_not_taken(shop: Shop) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert shop.ann.simulate_post("/customers", body=b"{}", headers=headers).status_code == 415


def test_caches_keep_answers_apart_and_ask_again(shop: Shop) -> None:
    """A private answer is for one caller, and is asked for again before it is used again."""
    shop.happened("customer-c1", messages.customer_registered())
    shop.happened("product-p1", messages.product_added())
    shop.happened("order-o1", messages.order_placed())
    accepted = shop.staff.simulate_post("/customers", json={"customer_id": "c1", **CUSTOMER}).json
    ids = {**IDS, "command_id": accepted["command_id"]}
    for route in routes(shop.services):
        if "GET" not in route.roles or route.path.startswith(("/docs", "/openapi", "/site", "/ops")):
            continue  # files of the site; what operators look at is never kept
        result = (shop.staff if Role.STAFF in (route.roles["GET"] or Role) else shop.ops).simulate_get(
            route.path.format(**ids)
        )
        assert result.status_code == 200, route.path
        if route.roles["GET"]:
            assert result.headers["cache-control"] == "private, no-cache", route.path
            assert result.headers["vary"] == "Authorization, Accept", route.path
        else:
            assert result.headers["cache-control"] == "no-store"


def test_problems_are_not_for_caches_either(shop: Shop) -> None:
    found: list[Any] = [
        shop.client().simulate_get("/orders"),
        shop.ops.simulate_get("/orders"),
        shop.ann.simulate_get("/orders/nope"),
        shop.ann.simulate_get("/orders?limit=0"),
    ]
    assert [result.status_code for result in found] == [401, 403, 404, 400]
    for result in found:
        assert result.headers["cache-control"] == "private, no-cache"
        assert "Authorization" in result.headers["vary"]


def test_a_creation_is_kept_for_whom_it_was_said(shop: Shop) -> None:
    accepted = shop.ann.simulate_post("/customers", json=CUSTOMER)
    entry = shop.inbox.find(accepted.json["command_id"])
    assert entry is not None
    assert isinstance(entry.envelope.command, RegisterCustomer)
    assert accepted.headers["cache-control"] == "private, no-cache"
