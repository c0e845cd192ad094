"""What is meant to break something: each is refused with a problem, and nothing of it gets through."""

import json
from typing import Any

import pytest
from falcon import testing

from api.http import bodies
from tests.support.shop_api import Shop

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
ORDER: dict[str, Any] = {"items": [{"product_id": "p1", "quantity": 2}], "shipping_address": ADDRESS}
PRODUCT = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
CRLF = "\r\nSet-Cookie: owned=1"
LARGEST = bodies.MAX_BODY_BYTES


def assert_problem(result: testing.Result, *statuses: int) -> None:
    assert result.status_code in statuses
    assert result.headers["content-type"] == "application/problem+json"
    assert result.json["status"] == result.status_code
    assert result.json.keys() <= {"type", "title", "status", "detail", "errors"}
    assert len(result.content) < 32_768, "what is sent is not sent back"
    for word in ("Traceback", "Error(", "pydantic", "/work", ".py"):
        assert word not in result.text


def post(shop: Shop, body: bytes, path: str = "/orders") -> testing.Result:
    headers = {"Content-Type": "application/json"}
    return shop.staff.simulate_post(path, body=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"{", 400),
        (b"{} {}", 400),
        (b"{'a': 1}", 400),
        (b'{"a": 1,}', 400),
        (b'{"a": NaN}', 400),
        (b'{"a": -Infinity}', 400),
        (b'{"a": 1e999}', 400),
        (b'{"a": ' + b"9" * 5_000 + b"}", 400),
        (b'{"a": 18446744073709551616}', 400),
        (b'{"name": "a", "name": "b"}', 400),
        (b'{"items": [{"product_id": "p1", "quantity": 1, "quantity": 2}]}', 400),
        (b'{"a": "\\ud800"}', 400),
        (b'{"\\udfff": 1}', 400),
        (b'{"a": "\xff"}', 400),
        (b'{"a": "\xed\xa0\x80"}', 400),
        (b'{"a": "\x00"}', 400),
        ("\ufeff{}".encode(), 400),
        ('{"a": 1}'.encode("utf-16"), 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 20_000, 400),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", 422),
        (json.dumps({**ORDER, "items": [{}] * 30_000}).encode(), 422),
        (json.dumps({f"k{n}": n for n in range(8_000)}).encode(), 422),
        (json.dumps({**ORDER, "__proto__": {}, "$where": "1"}).encode(), 422),
        (b'{"a": "' + b"x" * (LARGEST - 9) + b'"}', 422),
        (b'{"a": "' + b"x" * (LARGEST - 8) + b'"}', 413),
        (b" " * (LARGEST + 1), 413),
    ],
    ids=lambda value: str(value[:24] if isinstance(value, bytes) else value),
)
def test_bodies(shop: Shop, body: bytes, status: int) -> None:
    assert_problem(post(shop, body), status)
    assert shop.inbox._commands.count_documents({}) == 0


WRONG_NUMBERS = [-1, 10**9 + 1, 2**63, 2**64 - 1, 0.5, 2.5, 1e12, True, "1", None, [1], {"$gt": 0}]


@pytest.mark.parametrize("number", WRONG_NUMBERS, ids=str)
def test_numbers(shop: Shop, number: Any) -> None:
    item = {"product_id": "p1", "quantity": number}
    for path, body in [
        ("/products", {**PRODUCT, "unit_price": number}),
        ("/orders", {**ORDER, "items": [item]}),
    ]:
        result = post(shop, json.dumps(body).encode(), path)
        assert_problem(result, 422)
        assert result.json["errors"][0]["field"].endswith(("unit_price", "quantity"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", value) for value in ("", "x" * 201, "a\x00b", "a\nb", "a\x7fb", 1, None, ["a"])),
        *(
            ("product_id", value)
            for value in ("", "x" * 129, "a b", "a/b", "a\n", "é", "../p", "a\x00", "$a\r\n", ".", "..")
        ),
        *(("currency", value) for value in ("eur", "EURO", "EU", "EUR\n", "€UR")),
        *((name, 1) for name in ("_id", "$set", "a.b", "version", "discontinued")),
    ],
)
def test_texts(shop: Shop, field: str, value: Any) -> None:
    assert_problem(post(shop, json.dumps({**PRODUCT, field: value}).encode(), "/products"), 422)


@pytest.mark.parametrize(
    "identity",
    [
        *(
            "a%0d%0aSet-Cookie:%20owned=1",
            "a%00",
            "a%20b",
            "%ff",
            "%c0%af",
            "%F0%9F%92%A9",
            "%2e%2e%2fx",
            "a%2fb",
        ),
        *(
            "%2e",
            "%2e%2e",
            "%24where",
            "x" * 129,
            "%7B%24gt%3A1%7D",
            "%0a",
            "a%0d",
            "%E2%80%AE",
            "<script>alert(1)<%2fscript>",
        ),
    ],
)
@pytest.mark.parametrize(
    ("method", "template"),
    [
        ("GET", "/orders/{}"),
        ("GET", "/orders/{}?consistency=strong"),
        ("PATCH", "/orders/{}/status"),
        ("GET", "/customers/{}"),
        ("PATCH", "/products/{}"),
        ("GET", "/commands/{}"),
    ],
)
def test_ids_in_paths(shop: Shop, method: str, template: str, identity: str) -> None:
    """Nothing is called so: neither is it repeated, in the body or in a header."""
    path, _, query = template.format(identity).partition("?")
    body = {"status": "confirmed"} if "status" in template else {"name": "Pot"}
    result = shop.staff.simulate_request(
        method, path, query_string=query, json=body if method == "PATCH" else None
    )
    assert_problem(result, 404)
    assert_not_injected(result)
    assert "script" not in result.text


def assert_not_injected(result: testing.Result) -> None:
    for name, value in result.headers.items():
        assert "owned" not in name + value
        assert not set("\r\n\x00") & set(name + value)


@pytest.mark.parametrize("value", ["a" + CRLF, CRLF, "a\x00b", "\r", "\n", "é" * 3, "a b", "x" * 65, "<a>"])
def test_a_correlation_id_that_is_none_is_replaced(shop: Shop, value: str) -> None:
    result = shop.staff.simulate_get("/orders", headers={"X-Correlation-Id": value})
    assert result.status_code == 200
    assert_not_injected(result)
    assert result.headers["x-correlation-id"] != value
    assert len(result.headers["x-correlation-id"]) == 36


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match", "Consistency-Token"])
@pytest.mark.parametrize(
    "value", ["a" + CRLF, '"v1"' + CRLF, "0-1" + CRLF, "\x00", "\x7f", "é", "x" * 30_000 + "\n"]
)
def test_headers_that_are_read_are_checked(shop: Shop, name: str, value: str) -> None:
    method, path = ("GET", "/products") if name == "Consistency-Token" else ("PATCH", "/products/p1")
    body = None if method == "GET" else {"name": "Pot"}
    result = shop.staff.simulate_request(method, path, json=body, headers={name: value})
    assert_problem(result, 400)
    assert_not_injected(result)


@pytest.mark.parametrize("name", ["Prefer", "If-None-Match", "Accept", "traceparent", "Authorization"])
@pytest.mark.parametrize("value", ["a" + CRLF, "\x00", "é", ",;=\"'\\" * 500, "wait=" + "9" * 5_000])
def test_headers_that_make_no_sense_do_no_harm(shop: Shop, name: str, value: str) -> None:
    result = shop.staff.simulate_get("/products", headers={name: value})
    assert result.status_code == {"Accept": 406, "Authorization": 401}.get(name, 200)
    assert_not_injected(result)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "limit=%00",
            "limit=9" + "9" * 5_000,
            "limit=-1",
            "limit=٣",
            "limit[]=1",
            "limit=1&limit=2",
            "%00=1",
        ),
        *("customer_id[$ne]=x", "customer_id=%7B%22$gt%22:1%7D", "customer_id=a%0d%0ab", "status[$ne]=x"),
        *("reference=a%00", "reference=" + "x" * 65, "reference[$ne]=x", "reference=a&reference=b"),
        *(
            "from=%00",
            "from=1e9",
            "to=2024-02-30",
            "to=2024-05-01T00:00:00",
            "from=2024-05-01&from=2024-05-02",
        ),
        *(
            "cursor=%ff",
            "cursor=" + "A" * 70_000,
            "cursor=eyJhIjoxfQ",
            "&".join(f"k{n}=1" for n in range(5_000)),
        ),
    ],
    ids=lambda query: query[:24],
)
def test_queries(shop: Shop, query: str) -> None:
    result = shop.staff.simulate_get("/orders", query_string=query)
    assert_problem(result, 400)
    assert_not_injected(result)
