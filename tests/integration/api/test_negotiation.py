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
IDS |= {"story_id": "o1", "failure_id": "k1", "read_model": "customers", "code": "forbidden"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def test_what_can_be_done_at_an_address_is_told_in_one_way(shop: Shop) -> None:
    """By OPTIONS, to anybody, and by every 405."""
    for route in routes(shop.services):
        path = route.path.format(**IDS)
        allowed = set(route.roles) | ({"HEAD"} if "GET" in route.roles else set())
        told = ", ".join(sorted({*allowed, "OPTIONS"}))
        options = shop.client().simulate_options(path)
        assert (options.status_code, options.content, options.headers["allow"]) == (200, b"", told), path
        takes = "application/json, application/merge-patch+json" if "PATCH" in allowed else None
        assert options.headers.get("accept-patch") == takes, path
        for method in set(METHODS) - allowed:
            result = shop.staff.simulate_request(method, path)
            assert result.status_code == 405, (method, route.path)
            assert result.headers["allow"] == told
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
        *((t, 202) for t in ("application/json;charset=utf8", "application/json; charset=UTF8")),
        *((t, 415) for t in ("", "text/plain", "application/x-www-form-urlencoded", "application/jsonp")),
        *((t, 415) for t in ("application/json; charset=latin-1", "application/merge-patch+json", "json")),
        *((t, 415) for t in ("application/json; charset=", "application/json; charset=utf8; charset=utf8")),
    ],
)
def test_bodies_are_json(shop: Shop, content_type: str, status: int) -> None:
    body = b'{"name": "Ann", "email": "a@b.cd"}'
    result = shop.ann.simulate_post("/customers", body=body, headers={"Content-Type": content_type})
    assert result.status_code == status
    if status == 415:
        assert result.json["type"] == "/problems/unsupported-media-type"
        assert result.headers["accept"] == "application/json"
        assert "accept-patch" not in result.headers
        assert "accept-encoding" not in result.headers, "the encoding was good"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        *((t, 202) for t in ("application/json", "application/merge-patch+json")),
        *((t, 202) for t in ("Application/Merge-Patch+JSON; charset=utf8",)),
        *((t, 415) for t in ("application/json-patch+json", "text/plain", "", "application/*")),
        *((t, 415) for t in ("application/merge-patch+json; charset=latin-1",)),
    ],
)
@pytest.mark.parametrize("path", ["/customers/c1", "/products/p1", "/orders/o1/status"])
def test_a_change_is_a_merge_patch(shop: Shop, path: str, content_type: str, status: int) -> None:
    body = b'{"status": "cancelled"}' if path.endswith("status") else b'{"name": "Ann"}'
    result = shop.staff.simulate_patch(path, body=body, headers={"Content-Type": content_type})
    assert result.status_code == status
    if status == 415:
        both = "application/json, application/merge-patch+json"
        assert (result.headers["accept-patch"], result.headers["accept"]) == (both, both)


def test_a_change_is_the_same_as_json_and_as_a_merge_patch(shop: Shop) -> None:
    sent = [
        shop.staff.simulate_patch(
            "/products/p1", body=b'{"name": "Pot"}', headers={"Content-Type": t, "Idempotency-Key": "k1"}
        )
        for t in ("application/json", "application/merge-patch+json")
    ]
    assert [result.status_code for result in sent] == [202, 202]
    assert sent[0].json == sent[1].json


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_an_encoded_body_is_not_taken(shop: Shop, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    created = shop.ann.simulate_post("/customers", body=b"{}", headers=headers)
    changed = shop.ann.simulate_patch("/customers/c1", body=b"{}", headers=headers)
    for result in (created, changed):
        assert result.status_code == 415
        assert result.headers["accept-encoding"] == "identity"
        assert "accept" not in result.headers, "the media type was good (RFC 9110, 15.5.16)"
    assert "accept-patch" in changed.headers


def test_a_body_that_says_it_is_not_encoded_is_taken(shop: Shop) -> None:
    headers = {"Content-Encoding": "Identity"}
    assert shop.ann.simulate_post("/customers", json=CUSTOMER, headers=headers).status_code == 202


CACHEABLE = {"/products", "/products/{product_id}", "/analytics/orders", "/analytics/products", "/metrics"}
OF_THE_SITE = {"/", "/problems", "/problems/{code}", "/openapi.json", "/docs", "/ops"}


@pytest.mark.usefixtures("unhurried")
def test_caches_keep_nothing_personal_and_ask_again_for_the_rest(shop: Shop) -> None:
    """What a caller's own cache keeps is for that caller, and asked for again before it is used again."""
    shop.happened("customer-c1", messages.customer_registered())
    shop.happened("product-p1", messages.product_added())
    shop.happened("order-o1", messages.order_placed())
    accepted = shop.staff.simulate_post("/customers", json={"customer_id": "c1", **CUSTOMER}).json
    ids = {**IDS, "command_id": accepted["command_id"]}
    for route in routes(shop.services):
        if "GET" not in route.roles or route.path.startswith(("/docs/", "/site/", "/ops/")):
            continue  # files that are not there, and what operators look at, which has tests of its own
        result = (shop.staff if Role.STAFF in (route.roles["GET"] or Role) else shop.ops).simulate_get(
            route.path.format(**ids)
        )
        assert result.status_code == 200, route.path
        kept = "private, no-cache" if route.path in CACHEABLE else "no-store"
        kept = "no-cache" if route.path in OF_THE_SITE else kept
        assert result.headers["cache-control"] == kept, route.path
        if route.roles["GET"]:
            assert result.headers["vary"] == "Authorization, Accept", route.path


def test_problems_are_not_for_caches_either(shop: Shop) -> None:
    found: list[Any] = [
        shop.client().simulate_get("/orders"),
        shop.ops.simulate_get("/orders"),
        shop.ann.simulate_get("/orders/nope"),
        shop.ann.simulate_get("/orders?limit=0"),
    ]
    assert [result.status_code for result in found] == [401, 403, 404, 400]
    for result in found:
        assert result.headers["cache-control"] == "no-store"
        assert "Authorization" in result.headers["vary"]


def test_a_creation_is_kept_for_whom_it_was_said(shop: Shop) -> None:
    accepted = shop.ann.simulate_post("/customers", json=CUSTOMER)
    entry = shop.inbox.find(accepted.json["command_id"])
    assert entry is not None
    assert isinstance(entry.envelope.command, RegisterCustomer)
    assert accepted.headers["cache-control"] == "no-store"
