"""Cross-origin requests: what a browser is told, by the origin that a page is from."""

from typing import Any

import pytest
from falcon import testing

from api.app import create_app, routes
from api.middleware import deadline
from tests.integration.api.test_negotiation import IDS
from tests.integration.api.waiting_callers import serving
from tests.support import messages
from tests.support.shop_api import Shop

SHOP = "https://shop.example"
ORIGINS = (SHOP, "http://localhost:5173")
ELSEWHERE = [
    None,
    "https://evil.example",
    "https://shop.example.evil.example",
    "null",
    "HTTPS://SHOP.EXAMPLE",
]
PRODUCT = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
NEEDED = {"Location", "Link", "ETag", "Consistency-Token", "Preference-Applied", "Retry-After"}


def anonymous(shop: Shop) -> testing.TestClient:
    return testing.TestClient(create_app(shop.services, ORIGINS))


def staff(shop: Shop) -> testing.TestClient:
    headers = dict(shop.staff._default_headers or {})
    return testing.TestClient(create_app(shop.services, ORIGINS), headers=headers)


def preflight(
    client: testing.TestClient, path: str, method: str, origin: str | None = SHOP
) -> testing.Result:
    headers = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,prefer",
    }
    return client.simulate_options(path, headers={**headers, **({"Origin": origin} if origin else {})})


def of_cors(result: testing.Result) -> dict[str, str]:
    return {name: value for name, value in result.headers.items() if name.startswith("access-control-")}


def test_a_browser_may_ask_about_every_address_without_a_token(shop: Shop) -> None:
    for route in routes(shop.services):
        for method in route.roles:
            result = preflight(anonymous(shop), route.path.format(**IDS), method)
            assert (result.status_code, result.content) == (200, b""), route.path
            told = of_cors(result)
            assert told["access-control-allow-origin"] == SHOP
            assert method in told["access-control-allow-methods"].split(", ")
            assert "authorization" in told["access-control-allow-headers"]
            assert int(told["access-control-max-age"]) > 0
            assert "access-control-allow-credentials" not in told, "no cookies, a token"


def test_an_answer_may_be_read_with_the_headers_that_matter(shop: Shop) -> None:
    accepted = staff(shop).simulate_post("/products", json=PRODUCT, headers={"Origin": ORIGINS[1]})

    assert accepted.status_code == 202
    assert accepted.headers["access-control-allow-origin"] == ORIGINS[1]
    assert set(accepted.headers["access-control-expose-headers"].split(", ")) >= NEEDED


@pytest.mark.parametrize(
    ("path", "status"), [("/orders", 401), ("/nothing", 404), ("/orders?limit=0", 401), ("/health/live", 200)]
)
def test_a_refusal_may_be_read_too(shop: Shop, path: str, status: int) -> None:
    result = anonymous(shop).simulate_get(path, headers={"Origin": SHOP})

    assert result.status_code == status
    assert result.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_a_page_from_elsewhere_is_told_nothing(shop: Shop, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}

    assert of_cors(anonymous(shop).simulate_get("/health/live", headers=headers)) == {}
    assert of_cors(preflight(anonymous(shop), "/orders", "GET", origin)) == {}
    assert of_cors(staff(shop).simulate_get("/orders", headers=headers)) == {}


@pytest.mark.parametrize("origin", [SHOP, *ELSEWHERE])
def test_a_cache_keeps_answers_to_different_pages_apart(shop: Shop, origin: str | None) -> None:
    """Also one without an origin: given to a page, it would lack what lets the page read it."""
    shop.happened("product-p1", messages.product_added())
    headers = {} if origin is None else {"Origin": origin}
    found = staff(shop).simulate_get("/products/p1", headers=headers)
    again = staff(shop).simulate_get(
        "/products/p1", headers={**headers, "If-None-Match": found.headers["etag"]}
    )

    assert (found.status_code, again.status_code) == (200, 304)
    for result in (found, again):
        assert result.headers["vary"] == "Authorization, Accept, Origin"
        assert ("access-control-allow-origin" in result.headers) is (origin == SHOP)


def test_without_origins_nothing_is_said(shop: Shop) -> None:
    for client in (shop.client(), shop.staff):
        for result in (
            client.simulate_get("/products", headers={"Origin": SHOP}),
            preflight(client, "/products", "POST"),
        ):
            assert of_cors(result) == {}
            assert "Origin" not in result.headers.get("vary", "")
    assert preflight(shop.client(), "/products", "POST").headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_request_that_waits_is_answered_like_any_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on later, in another thread; nobody decides the command, so what comes is a 202."""
    monkeypatch.setattr(deadline, "OPERATIONS_S", 30.0)
    headers = {"Origin": SHOP, "Prefer": "wait=1"}
    with serving(shop, cors_origins=ORIGINS) as web:
        asked: Any = web.client.options(
            "/products", headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"}
        )
        waited = web.client.post("/products", json=PRODUCT, headers=headers)

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, POST"
    assert waited.status_code == 202
    assert waited.headers.get_list("access-control-allow-origin") == [SHOP]
    assert waited.headers.get_list("vary", split_commas=True) == ["Authorization", "Accept", "Origin"]
