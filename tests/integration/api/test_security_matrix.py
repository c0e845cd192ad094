"""Every route and method, asked by everybody with every kind of token, against the contract's table."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import falcon
import pytest
from falcon import testing
from structlog.testing import capture_logs

from api.app import create_app, routes
from api.middleware.auth import Verifier
from bus.settings import Settings
from tests.integration.api import forgery
from tests.support import messages
from tests.support.shop_api import Shop

CONTRACT = """
POST  /customers                  202 403 202 403 403
GET   /customers                  403 403 200 403 403
GET   /customers/{customer_id}    200 404 200 403 403
PATCH /customers/{customer_id}    202 404 202 403 403
GET   /products                   200 200 200 403 403
POST  /products                   403 403 202 403 403
GET   /products/{product_id}      200 200 200 403 403
PATCH /products/{product_id}      403 403 202 403 403
POST  /orders                     202 403 202 403 403
GET   /orders                     200 403 200 403 403
GET   /orders/{order_id}          200 404 200 403 403
PATCH /orders/{order_id}/status   202 202 202 403 403
GET   /analytics/orders           403 403 200 200 403
GET   /analytics/products         403 403 200 200 403
GET   /commands/{command_id}      200 404 200 200 403
GET   /events                     403 403 403 200 403
GET   /health/live                200 200 200 200 200
GET   /health/ready               200 200 200 200 200
GET   /metrics                    403 403 403 200 200
GET   /ops/dead/{failure_id}     403 403 403 404 403
POST  /ops/dead/{failure_id}/retry        403 403 403 404 403
POST  /ops/dead/{failure_id}/discard      403 403 403 404 403
POST  /ops/parked/retry                    403 403 403 404 403
POST  /ops/rebuilds                        403 403 403 409 403
POST  /ops/rebuilds/{read_model}/stop      403 403 403 409 403
"""
"""What Ann gets for what is hers, what Bob gets for the same, staff, ops, a scraper. Whose order it is that
is to be cancelled, only the write side knows: it is accepted, and refused there. For ops nothing is dead or
parked, and one rebuild is requested already, another is not."""
OPEN = {"/health/live": 200, "/health/ready": 200, "/openapi.json": 200, "/docs": 200, "/docs/{file}": 404}
OPEN |= {"/ops": 200, "/site/ops/{file}": 404, "/site/pages/{file}": 404}
OPEN |= {"/": 200, "/problems": 200, "/problems/{code}": 200}
OPS_ONLY = "/ops"
pytestmark = pytest.mark.usefixtures("unhurried")
WHO = (("customer", "c1"), ("customer", "c2"), ("staff", "sam"), ("ops", "olga"), ("metrics", "m"))

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
ITEMS = [{"product_id": "p1", "quantity": 2}]
BODIES: dict[str, Any] = {
    "POST /customers": {"customer_id": "c1", "name": "Ann", "email": "a@b.cd"},
    "PATCH /customers/{customer_id}": {"name": "Ann"},
    "POST /products": {"product_id": "p1", "name": "Pot", "unit_price": 1, "currency": "EUR"},
    "PATCH /products/{product_id}": {"name": "Pot"},
    "POST /orders": {"customer_id": "c1", "items": ITEMS, "shipping_address": ADDRESS},
    "PATCH /orders/{order_id}/status": {"status": "cancelled"},
    "POST /ops/dead/{failure_id}/retry": {"reason": "mended"},
    "POST /ops/dead/{failure_id}/discard": {"reason": "of no use"},
    "POST /ops/parked/retry": {"read_model": "customers", "stream": "customer-c1"},
    "POST /ops/rebuilds": {"read_model": "products"},
}


@dataclass(frozen=True)
class Case:
    """One address with one method: all of Ann's."""

    method: str
    template: str
    path: str
    body: Any
    expected: tuple[int, ...]


@pytest.fixture
def cases(shop: Shop) -> list[Case]:
    """From the application's own table; what each may answer, from the contract's."""
    shop.happened("customer-c1", messages.customer_registered())
    shop.happened("product-p1", messages.product_added())
    shop.happened("order-o1", messages.order_placed())
    command = shop.ann.simulate_post("/customers", json=BODIES["POST /customers"]).json["command_id"]
    shop.ops.simulate_post("/ops/rebuilds", json=BODIES["POST /ops/rebuilds"])
    ids = {"customer_id": "c1", "product_id": "p1", "order_id": "o1", "command_id": command, "file": "nope"}
    ids |= {"failure_id": "nobody", "read_model": "customers", "story_id": command, "code": "forbidden"}
    return list(_cases(shop, ids))


def _cases(shop: Shop, ids: dict[str, str]) -> Iterator[Case]:
    contract = {(m, p): tuple(map(int, s)) for m, p, *s in map(str.split, CONTRACT.strip().splitlines())}
    routed = {(method, route.path) for route in routes(shop.services) for method in route.roles}
    assert set(contract) <= routed
    for method, template in sorted(routed):
        path = template.format(**ids) + (
            "?customer_id=c1" if (method, template) == ("GET", "/orders") else ""
        )
        if template in OPEN:
            expected: tuple[int, ...] = (OPEN[template],) * len(WHO)
        elif (method, template) in contract:
            expected = contract[method, template]
        else:
            assert template.startswith(OPS_ONLY), f"{method} {template} has no row in CONTRACT"
            expected = (403, 403, 403, 200, 403)
        body = BODIES.get(f"{method} {template}")
        yield Case(method, template, path, body, expected)
        if method == "GET":
            yield Case("HEAD", template, path, body, expected)


def client(shop: Shop, **key: Any) -> testing.TestClient:
    settings = Settings(jwt_issuer=forgery.ISSUER, jwt_audience=forgery.AUDIENCE, **key)
    return testing.TestClient(create_app(replace(shop.services, verifier=Verifier.from_settings(settings))))


def ask(api: testing.TestClient, case: Case, authorization: str | None) -> testing.Result:
    headers = {} if authorization is None else {"Authorization": authorization}
    return api.simulate_request(case.method, case.path, json=case.body, headers=headers)


def assert_refused(result: testing.Result, case: Case, challenge: str = "") -> None:
    if case.method == "HEAD":
        assert not result.content
    else:
        assert result.headers["content-type"] == "application/problem+json"
        assert result.json["status"] == result.status_code
    assert result.headers.get("www-authenticate", "").startswith(challenge)


def test_everybody_gets_what_the_contract_says(shop: Shop, cases: list[Case]) -> None:
    by_secret = client(shop, jwt_secret=forgery.OURS)
    by_key = client(shop, jwt_public_key=forgery.PUBLIC_PEM)
    asked = 0
    for case in cases:
        for (role, subject), status in zip(WHO, case.expected, strict=True):
            good = forgery.claims(role, subject)
            for api, token in (
                (by_secret, forgery.by_hand(good, forgery.OURS)),
                (by_key, forgery.rs256(good)),
            ):
                result = ask(api, case, f"Bearer {token}")
                assert result.status_code == status, (case, role, subject)
                if status >= 400:
                    assert_refused(result, case)
                asked += 1
    assert asked == len(cases) * len(WHO) * 2 >= 200


def test_no_bad_token_opens_anything_and_none_is_logged(
    shop: Shop, cases: list[Case], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    used: set[str] = set()
    asked = 0
    apis = (
        (client(shop, jwt_secret=forgery.OURS), forgery.bad_for_a_secret),
        (client(shop, jwt_public_key=forgery.PUBLIC_PEM), forgery.bad_for_a_public_key),
    )
    with capture_logs() as logged:
        for api, bad_ones in apis:
            for case in cases:
                allowed = WHO[3] if case.expected[2] == 403 else WHO[2]
                bad = bad_ones(*allowed)
                used.update(header.removeprefix("Bearer ") for header in bad.values() if header)
                for wrong, header in list(bad.items())[: 3 if case.template in OPEN else None]:
                    _assert_shut(ask(api, case, header), case, wrong)
                    asked += 1
        ask(
            apis[0][0], cases[0], f"Bearer {(good := forgery.by_hand(forgery.claims(*WHO[2]), forgery.OURS))}"
        )
    assert asked >= 1_000

    everything = "\n".join([caplog.text, *map(str, logged), *capfd.readouterr()])
    for secret in {forgery.OURS, forgery.OTHERS, good, *(token for token in used if len(token) > 20)}:
        assert secret not in everything
        assert secret.rpartition(".")[2] not in everything or secret.endswith("."), "not even the signature"


def _assert_shut(result: testing.Result, case: Case, wrong: str) -> None:
    if case.template in OPEN:
        assert result.status_code == OPEN[case.template], (case, wrong)
        return
    assert result.status_code == 401, (case, wrong)
    assert_refused(result, case, 'Bearer realm="twofold"')
    told = 'error="invalid_token"' in result.headers["www-authenticate"]
    assert told is (wrong not in {"none", "empty", "no token", "basic"}), "RFC 6750, section 3.1"


def test_a_failed_request_does_not_log_its_token(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Also where the unforeseen is logged with its traceback, and the request with its path."""
    caplog.set_level(logging.DEBUG)
    app = create_app(shop.services)

    def broken(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        raise RuntimeError("unforeseen")

    app.add_sink(broken, prefix="/broken")
    token = forgery.by_hand(forgery.claims("staff", "sam"), forgery.OURS)
    with capture_logs() as logged:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "a-secret-key"}
        result = testing.TestClient(app).simulate_get("/broken", headers=headers)

    assert result.status_code == 500
    assert "unforeseen" not in result.text
    assert any("unforeseen" in str(entry) for entry in logged)
    assert token not in str(logged) + caplog.text
