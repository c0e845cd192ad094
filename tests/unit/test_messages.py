"""The limits of the contract on what messages hold, and the ids that are drawn."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bus.messages import values as v
from bus.messages.principal import Principal, Role
from bus.messages.registry import AnyCommand
from bus.messages.streams import (
    customer_stream,
    draw_order_id,
    id_of,
    is_stream,
    order_stream,
    partition_of,
    product_stream,
)
from tests.support.messages import (
    ADDRESS,
    ANN,
    BOB,
    PLACED_AT,
    STAFF,
    TEAPOTS,
    add_product,
    change_order_status,
    change_product,
    order_placed,
    place_order,
    register_customer,
)
from tests.unit.strategies import ids

ACCEPTED: dict[str, tuple[Any, list[Any]]] = {
    "id": (v.Id, ["a", "Z9._:-", "x" * 128, "...", "..a", ".a", "a.", "-", "+"]),
    "provider's id": (v.Id, ["auth0|5f7c8ec7c33c6c004bbafe82", "ann+shop@example.com", "google-oauth2|1"]),
    "name": (v.Name, ["a", "é" * 200, "Ann 👋 \u2028"]),
    "address line": (v.AddressLine, ["a", "x" * 200]),
    "reference": (v.Reference, ["a", "x" * 64]),
    "note": (v.Note, ["", "two\nlines", "x" * 500]),
    "email": (v.Email, ["a@b.c", "ann+shop@mail.example.com", f"a@{'b' * 250}.c"]),
    "currency": (v.Currency, ["EUR"]),
    "price": (v.UnitPrice, [0, 10**9]),
    "quantity": (v.Quantity, [1, 1_000_000]),
    "flag": (v.Flag, [True, False]),
}
REFUSED: dict[str, tuple[Any, list[Any]]] = {
    "id": (v.Id, ["", "x" * 129, "a b", "a/b", "é", "a\n", "a\0", "a%7Cb", "a,b", "\\", '"', 1, None]),
    "another place": (v.Id, [".", "..", ".\n", "..\n"]),
    "name": (v.Name, ["", "x" * 201, "a\0", "a\nb", "a\n", "\x7f", "\ud800", 1, b"\xff"]),
    "address line": (v.AddressLine, ["", "x" * 201, "a\0", "a\nb"]),
    "reference": (v.Reference, ["", "x" * 65, "a\0", "a\nb"]),
    "note": (v.Note, ["x" * 501, "a\0b", "\ud800", 1]),
    "email": (v.Email, ["", "ann", "ann@home", "@b.c", "a@@b.c", "a@b..c", "a b@c.d", "a@b.c\n", "a\0@b.c"]),
    "email too long": (v.Email, [f"{'a' * 65}@b.c", f"a@{'b' * 251}.c"]),
    "currency": (v.Currency, ["", "eur", "EURO", "EU", "EUR\n", "ÄÖÜ", 978]),
    "price": (v.UnitPrice, [-1, 10**9 + 1, 1.0, "1", True, None]),
    "quantity": (v.Quantity, [0, -1, 1_000_001, 1.0, "1", True, None]),
    "flag": (v.Flag, [1, 0, "true", "yes", None]),
}


def _each(table: dict[str, tuple[Any, list[Any]]]) -> list[Any]:
    return [
        pytest.param(kind, value, id=f"{name}-{value!a:.20}")
        for name, (kind, listed) in table.items()
        for value in listed
    ]


@pytest.mark.parametrize(("kind", "value"), _each(ACCEPTED))
def test_what_the_contract_allows(kind: Any, value: Any) -> None:
    assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize(("kind", "value"), _each(REFUSED))
def test_what_the_contract_does_not(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


MOMENT: TypeAdapter[datetime] = TypeAdapter(v.Moment)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T12:00:00Z",
        "2024-05-01t12:00:00.000z",
        "2024-05-01 12:00:00+00:00",
        "2024-05-01T14:00:00+02:00",
        "2024-05-01T06:30:00.0009999-05:30",
    ],
)
def test_times_are_utc_cut_to_milliseconds(text: str) -> None:
    moment = MOMENT.validate_python(text)
    assert moment == PLACED_AT
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:60Z",
        "2016-12-31t23:59:60.999999z",
        "2016-12-31 23:59:60+00:00",
        "2016-12-31T15:59:60-08:00",
        "2017-01-01T05:29:60.5+05:30",
        "2017-01-01T00:14:60+00:15",
    ],
)
def test_a_leap_second_is_the_last_millisecond_before_it(text: str) -> None:
    """So it stays in its day, and is not before anything that was before it."""
    assert MOMENT.validate_python(text) == datetime(2016, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)


def test_times_are_cut_and_not_rounded() -> None:
    almost = PLACED_AT - timedelta(microseconds=1)
    assert MOMENT.validate_python(almost) == PLACED_AT - timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "wrong",
    [
        *(1714564800, 1714564800.5, "1714564800", "-1", True, None, b"2024-05-01T12:00:00Z"),
        *("2024-05-01", "2024-05-01T12:00:00", "12:00:00Z", "2024-05-01T12:00Z", "20240501T120000Z"),
        *("2024-05-01T12:00:00+0200", "2024-05-01T12:00:00 Z", "2024-05-01T12:00:00Z\n", "", "now"),
        *("2024-02-30T12:00:00Z", "2024-05-01T25:00:00Z", "٢٠٢٤-05-01T12:00:00Z"),
        *("2016-12-31T23:58:60Z", "2016-12-31T22:59:60Z", "2016-12-31T23:59:61Z", "2016-12-31T23:59:60"),
        *("2016-12-31T23:59:60+01:00", "2016-12-31T15:59:60+08:00", "2016-02-30T23:59:60Z"),
        *("2016-12-31T23:59:60-24:00", "9999-12-31T22:59:60-01:00x"),
        datetime(2024, 5, 1, 12, 0),  # noqa: DTZ001 - that it is naive is the point
        *("9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "0000-01-01T00:00:00Z"),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_what_is_not_a_time_with_an_offset_is_a_validation_error(wrong: object) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(wrong)


@pytest.mark.parametrize(
    ("make", "over"),
    [
        (register_customer, {"colour": "red"}),
        (change_product, {"currency": "EUR"}),
        (place_order, {"total": 1}),
        (place_order, {"items": [TEAPOTS | {"price": 1}]}),
        (place_order, {"shipping_address": ADDRESS | {"planet": "Mars"}}),
        (order_placed, {"colour": "red"}),
    ],
)
def test_unknown_fields_are_refused_at_any_depth(make: Any, over: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        make(**over)


@pytest.mark.parametrize("lines", [0, 201])
def test_an_order_has_1_to_200_lines(lines: int) -> None:
    with pytest.raises(ValidationError, match="items"):
        place_order(items=[{"product_id": f"p{n}", "quantity": 1} for n in range(lines)])


def test_200_lines_are_allowed() -> None:
    assert len(place_order(items=[{"product_id": f"p{n}", "quantity": 1} for n in range(200)]).items) == 200


def test_a_status_is_one_of_five() -> None:
    with pytest.raises(ValidationError):
        change_order_status("returned")  # type: ignore[arg-type]


def test_messages_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        add_product().name = "Kettle"  # type: ignore[misc]


def test_a_command_tells_which_streams_it_touches() -> None:
    assert place_order().stream == "order-o1"
    assert place_order().fact_streams == ("customer-c1", "product-p1", "product-p2")
    assert change_order_status().fact_streams == ()


def test_a_commands_type_is_its_name() -> None:
    kinds = get_args(get_args(AnyCommand)[0])
    assert {kind.model_fields["type"].default for kind in kinds} == {kind.__name__ for kind in kinds}


def test_staff_own_everything_and_customers_their_own() -> None:
    assert STAFF.owns("c1")
    assert ANN.owns("c1")
    assert not BOB.owns("c1")
    assert not Principal(role=Role.METRICS, subject="c1").owns("c1")


@given(st.text(".a|@+-_:/ \n", max_size=6) | ids.flatmap(lambda text: st.sampled_from((text, text * 9))))
def test_an_id_is_the_same_wherever_it_comes_from(text: str) -> None:
    """In a message pydantic's regular expressions check it, in an address Python's."""
    try:
        in_a_message = TypeAdapter(v.Id).validate_python(text) == text
    except ValidationError:
        in_a_message = False
    assert v.is_id(text) is in_a_message
    assert not in_a_message or text not in {".", ".."}


@given(aggregate_id=ids)
def test_the_name_of_a_stream_is_known_as_one(aggregate_id: str) -> None:
    for stream in (customer_stream, product_stream, order_stream):
        assert is_stream(stream(aggregate_id))
        assert not is_stream(stream(f"{aggregate_id}/"))
    assert not is_stream(f"basket-{aggregate_id}")


@given(aggregate_id=ids, partitions=st.integers(1, 1024))
def test_a_stream_is_named_after_its_id_and_has_a_partition(aggregate_id: str, partitions: int) -> None:
    for stream in (customer_stream(aggregate_id), product_stream(aggregate_id), order_stream(aggregate_id)):
        assert id_of(stream) == aggregate_id
        assert 0 <= partition_of(stream, partitions) < partitions


@given(customer_id=ids, partitions=st.integers(1, 64))
def test_an_order_id_falls_into_its_customers_partition(customer_id: str, partitions: int) -> None:
    order_id = draw_order_id(customer_id, partitions)
    home = partition_of(customer_stream(customer_id), partitions)
    assert partition_of(order_stream(order_id), partitions) == home
    assert TypeAdapter(v.Id).validate_python(order_id) == order_id
