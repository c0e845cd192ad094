"""The strict JSON of request bodies: what it takes comes out as it was, and nothing else gets past it."""

import json
from typing import Any

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
