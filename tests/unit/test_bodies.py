"""Request bodies: what the contract allows, and a clean refusal of everything else."""

import json
from typing import Any

import falcon
import pytest
from falcon import testing

from api.http import bodies
from api.http.problems import ProblemError
from api.resources.customers import CustomerChange, NewCustomer
from api.resources.order_status import OrderStatusChange
from api.resources.orders import NewOrder
from api.resources.products import NewProduct, ProductChange
from bus.messages.customers import CustomerRegistered, RegisterCustomer
from bus.messages.values import MAX_ITEMS

ORDER: dict[str, Any] = {
    "items": [{"product_id": "p1", "quantity": 2}],
    "shipping_address": {"line1": "1 High Street", "city": "Leeds", "country": "GB"},
}
JSON = {"Content-Type": "application/json"}


def request(body: bytes, headers: dict[str, str] | None = None) -> falcon.Request:
    return falcon.Request(
        testing.create_environ(method="POST", body=body, headers=JSON if headers is None else headers)
    )


def refused(body: bytes, headers: dict[str, str] | None = None, kind: Any = NewOrder) -> ProblemError:
    with pytest.raises(ProblemError) as error:
        bodies.read(request(body, headers), kind)
    return error.value


def wrong(body: dict[str, Any], kind: Any = NewOrder) -> dict[str, str]:
    """The fields that are told to be wrong, with what is told."""
    problem = refused(json.dumps(body).encode(), kind=kind).problem
    assert problem.status == 422
    return {error.field: error.message for error in problem.errors}


def test_an_order_is_read() -> None:
    received = bodies.read(request(json.dumps(ORDER).encode()), NewOrder)

    assert received.body.customer_id is None
    assert received.body.items[0].quantity == 2


def test_bodies_that_differ_in_order_and_spaces_only_are_the_same() -> None:
    texts = (b'{"name":"Ann","email":"a@b.cd"}', b' { "email" : "a@b.cd", "name" : "\\u0041nn" } ')

    first, second = (bodies.read(request(text), CustomerChange) for text in texts)

    assert first == second


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1}{"b":2}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":18446744073709551616}',
        b'{"a":-9223372036854775809}',
        b'{"a":' + b"9" * 100_000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\x00"}',
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"a":' * 20_000,
        b"[" * 100_000,
    ],
)
def test_what_is_not_one_json_object_is_a_400(text: bytes) -> None:
    error = refused(text)

    assert (error.problem.status, error.problem.code) == (400, "malformed-body")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/merge-patch+json"},
        {"Content-Type": "application/json-patch+json"},
        {"Content-Type": "application/json; charset=latin-1"},
        {**JSON, "Content-Encoding": "gzip"},
    ],
)
def test_another_media_type_is_a_415(headers: dict[str, str]) -> None:
    assert refused(b"{}", headers).problem.status == 415


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_the_media_type_is_read_as_it_should_be(media_type: str) -> None:
    bodies.read(request(json.dumps(ORDER).encode(), {"Content-Type": media_type}), NewOrder)


def test_more_than_the_limit_is_a_413() -> None:
    assert refused(b"x" * (bodies.MAX_BODY_BYTES + 1)).problem.status == 413


def test_the_largest_order_takes_less_than_half_of_the_limit() -> None:
    item = {"product_id": "x" * 128, "quantity": 10**6, "unit_price": 10**9, "discount": 10**9}
    line = "👋" * 200  # twelve bytes each, as ASCII
    address = dict.fromkeys(("line1", "line2", "city", "region", "postal_code", "country"), line)
    largest = {"customer_id": "x" * 128, "items": [item] * MAX_ITEMS, "shipping_address": address}
    text = json.dumps({**largest, "reference": "👋" * 64, "occurred_at": "2024-05-01T12:00:00.000Z"})

    assert 2 * len(text) < bodies.MAX_BODY_BYTES == 128 * 1024


def test_as_much_as_the_limit_is_read() -> None:
    text = b"{}" + b" " * (bodies.MAX_BODY_BYTES - 2)

    assert bodies.read(request(text), CustomerChange).canonical == b"{}"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"items": []}, "items"),
        ({"items": [{"product_id": f"p{n}", "quantity": 1} for n in range(201)]}, "items"),
        ({"items": [{"product_id": "p1", "quantity": 0}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": 1_000_001}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": "1"}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": "2.0"}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": 2.5}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": 1e-9}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": 1e30}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": 0.0}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p1", "quantity": True}]}, "items.0.quantity"),
        ({"items": [{"product_id": "p 1", "quantity": 1}]}, "items.0.product_id"),
        ({"items": [{"product_id": "p1\n", "quantity": 1}]}, "items.0.product_id"),
        ({"items": [{"product_id": "p1", "quantity": 1, "price": 1}]}, "items.0.price"),
        ({"items": "p1"}, "items"),
        ({"reference": "x" * 65}, "reference"),
        ({"customer_id": "x" * 129}, "customer_id"),
        ({"customer_id": 7}, "customer_id"),
        ({"order_id": "o1"}, "order_id"),
        ({"items": [{"product_id": "p1", "quantity": 1, "discount": -1}]}, "items.0.discount"),
        ({"items": [{"product_id": "p1", "quantity": 1, "unit_price": 10**9 + 1}]}, "items.0.unit_price"),
        ({"shipping_address": {"line1": "x", "city": ""}}, "shipping_address.city"),
        ({"occurred_at": "2024-05-01T12:00:00"}, "occurred_at"),
        ({"occurred_at": "1714564800"}, "occurred_at"),
        ({"occurred_at": 1714564800}, "occurred_at"),
        ({"occurred_at": "2024-13-01T12:00:00Z"}, "occurred_at"),
        ({"occurred_at": "2024-05-01T12:00:60Z"}, "occurred_at"),
        ({"occurred_at": 1714564800.0}, "occurred_at"),
    ],
)
def test_wrong_fields_of_an_order_are_named(change: dict[str, Any], field: str) -> None:
    assert field in wrong(ORDER | change)


def test_all_wrong_fields_are_named_at_once_without_their_values() -> None:
    told = wrong({"items": [{"product_id": "p1", "quantity": "hunter2"}, {"quantity": 1}], "hunter2": 1})

    assert told.keys() == {"items.0.quantity", "items.1.product_id", "hunter2"}
    assert "hunter2" not in " ".join(told.values())
    assert told["items.1.product_id"] == "required"


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        (ORDER | {"reference": ""}, NewOrder, "reference"),
        ({"name": "Ann", "email": ""}, NewCustomer, "email"),
        ({"email": ""}, CustomerChange, "email"),
        ({"status": "confirmed", "note": ""}, OrderStatusChange, "note"),
    ],
)
def test_optional_text_that_is_empty_is_left_out(
    body: dict[str, Any], kind: type[bodies.Body], field: str
) -> None:
    read = bodies.read(request(json.dumps(body).encode()), kind).body

    assert getattr(read, field) is None


def test_an_address_may_have_empty_lines_but_for_what_it_needs() -> None:
    address = {"line1": "1 High Street", "line2": "", "city": "Leeds", "region": "", "country": "GB"}

    read = bodies.read(request(json.dumps(ORDER | {"shipping_address": address}).encode()), NewOrder).body

    assert read.shipping_address is not None
    assert (read.shipping_address.line2, read.shipping_address.region) == (None, None)
    assert wrong(ORDER | {"shipping_address": address | {"city": ""}}).keys() == {"shipping_address.city"}


@pytest.mark.parametrize("kind", [CustomerChange, ProductChange])
def test_null_is_not_taken_for_no_change(kind: type[bodies.Body]) -> None:
    assert set(wrong({"name": None}, kind)) == {"name"}


def test_null_in_a_creation_is_the_same_as_left_out() -> None:
    text = json.dumps({**ORDER, "reference": None, "occurred_at": None, "customer_id": None}).encode()

    assert bodies.read(request(text), NewOrder).body.reference is None


@pytest.mark.parametrize(
    "email", ["ann", "ann@", "@x.yz", "a b@x.yz", "ann@x", "a@b@x.yz", "a" * 250 + "@x.y"]
)
def test_implausible_email_addresses_are_refused(email: str) -> None:
    assert set(wrong({"name": "Ann", "email": email}, NewCustomer)) == {"email"}


@pytest.mark.parametrize("written", ["2", "2.0", "2e0", "2E+0", "20e-1", "0.2e1", "2.000"])
def test_a_whole_number_is_one_however_it_is_written(written: str) -> None:
    """The same request, also for an Idempotency-Key."""
    text = json.dumps(ORDER)
    assert text.count("2") == 1

    received = bodies.read(request(text.replace("2", written).encode()), NewOrder)

    assert received == bodies.read(request(text.encode()), NewOrder)
    assert isinstance(received.body.items[0].quantity, int)


def test_a_number_does_not_become_a_text_or_a_flag() -> None:
    body = {"product_id": 1.0, "name": 2.0, "unit_price": 3.0, "currency": "EUR"}

    assert wrong(body, NewProduct).keys() == {"product_id", "name"}
    assert wrong({"discontinued": 1.0}, ProductChange).keys() == {"discontinued"}


@pytest.mark.parametrize("price", [-1, 10**9 + 1, "1", 1.5, True, 2**63])
def test_implausible_prices_are_refused(price: Any) -> None:
    body = {"product_id": "p1", "name": "Teapot", "unit_price": price, "currency": "EUR"}

    assert set(wrong(body, NewProduct)) == {"unit_price"}


UNREADABLE = [
    "\x1b[31mAnn",
    "A\x9bnn",
    "Ann\n",
    "Ann\u2028",
    "\u202ennA",
    "A\u2066nn",
    "\u200b",
    "\ufeff\u00ad",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_read_or_controls_is_refused(text: str) -> None:
    why = "must show something, and hold no control characters"
    assert wrong({"name": text}, NewCustomer) == {"name": why}
    assert wrong({"name": text}, CustomerChange) == {"name": why}
    assert wrong({"name": text}, ProductChange) == {"name": why}
    address = ORDER["shipping_address"] | {"city": text, "region": text}
    order = ORDER | {"reference": text, "shipping_address": address}
    assert wrong(order) == dict.fromkeys(
        ("reference", "shipping_address.city", "shipping_address.region"), why
    )
    assert wrong({"name": "Ann", "email": f"{text}@example.com"}, NewCustomer).keys() == {"email"}


@pytest.mark.parametrize("text", ["\x1b[31m", "\x00", "\x9b2J", "\u202egnp"])
def test_notes_may_have_lines_and_no_other_controls(text: str) -> None:
    assert wrong({"status": "shipped", "note": text}, OrderStatusChange).keys() == {"note"}
    note = {"status": "shipped", "note": "one\n\ttwo\r\n"}
    assert bodies.read(request(json.dumps(note).encode()), OrderStatusChange).body.note == note["note"]


@pytest.mark.parametrize(
    "name", ["Zoë 👩‍👩‍👧", "می‌خواهم", "\u200f\u05d0\u05d1", "\u200bAnn", "Ann\u00a0Archer"]
)
def test_every_script_is_taken(name: str) -> None:
    assert bodies.read(request(json.dumps({"name": name}).encode()), NewCustomer).body.name == name


@pytest.mark.parametrize("name", ["\x9b2J", "\u202ennA", "\u200b"])
def test_what_was_stored_with_such_a_name_is_read(name: str) -> None:
    stored = {"type": "CustomerRegistered", "customer_id": "c1", "name": name, "email": None}
    assert CustomerRegistered.from_stored(stored).name == name
    command = {"type": "RegisterCustomer", "customer_id": "c1", "name": name}
    assert RegisterCustomer.from_stored(command).name == name
