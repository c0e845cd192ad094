"""The strict JSON of request bodies: what it takes comes out as it was, and nothing else gets past it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.strict_json import parse_object


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_value_error(text: bytes) -> None:
    try:
        parsed = parse_object(text)
    except ValueError:
        return
    assert parse_object(parsed.canonical) == parsed


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**64 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(codec="utf-8")),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
            max_leaves=10,
        ),
    )
)
def test_every_object_is_read_as_it_is(members: dict[str, Any]) -> None:
    assert parse_object(json.dumps(members).encode()).members == members


@given(st.integers(-(2**53) + 1, 2**53 - 1), st.integers(0, 15))
def test_a_whole_number_is_the_same_however_it_is_written(number: int, places: int) -> None:
    plain = parse_object(f'{{"a": {number}}}'.encode())

    for written in (f"{number}.{'0' * (places + 1)}", f"{number}e0", f"{number * 10**places}E-{places}"):
        parsed = parse_object(f'{{"a": {written}}}'.encode())
        assert parsed == plain, written
        assert type(parsed.members["a"]) is int


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()))
def test_a_number_that_is_not_whole_stays_so(number: float) -> None:
    assert type(parse_object(f'{{"a": {number!r}}}'.encode()).members["a"]) is float


@pytest.mark.parametrize("written", ["9007199254740992.0", "-9007199254740993.0", "1e19", "1e300"])
def test_what_a_double_cannot_tell_from_its_neighbour_is_no_whole_number(written: str) -> None:
    assert type(parse_object(f'{{"a": {written}}}'.encode()).members["a"]) is float
