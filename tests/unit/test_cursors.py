"""Cursors: what goes in comes out, for the same question only, and nothing damaged is taken."""

import base64
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.http.cursors import Key, decode, encode
from api.http.problems import ProblemError

SCOPE = ("order_summary", "c1", None)
KEYS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8")), max_size=8)


def refused(cursor: str, scope: Any = SCOPE, shape: Any = (int, str)) -> str:
    with pytest.raises(ProblemError) as error:
        decode(cursor, scope, shape)
    assert error.value.problem.status == 400
    return error.value.problem.code


@given(KEYS)
def test_round_trip(key: list[Key]) -> None:
    assert decode(encode(SCOPE, key), SCOPE, [type(value) for value in key]) == key


@given(st.data())
def test_a_changed_character_is_refused(data: st.DataObject) -> None:
    cursor = encode(SCOPE, [1_700_000_000_000, "0192"])
    place = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters(codec="utf-8"))
    assume(other != cursor[place])

    assert refused(cursor[:place] + other + cursor[place + 1 :]) == "malformed-cursor"


@given(st.text(max_size=60))
def test_any_text_is_refused(text: str) -> None:
    assert refused(text) == "malformed-cursor"


@pytest.mark.parametrize("scope", [("order_summary", "c2", None), ("order_summary", "c1"), ("products",), ()])
def test_another_question_is_refused(scope: tuple[str | None, ...]) -> None:
    assert refused(encode(SCOPE, [1, "a"]), scope) == "malformed-cursor"


@pytest.mark.parametrize("key", [[], [1], ["a", 1], [1, "a", 1], [True, "a"], [1.0, "a"], [None, "a"]])
def test_a_key_of_another_shape_is_refused(key: list[Any]) -> None:
    refused(encode(SCOPE, key))


@pytest.mark.parametrize("text", ["", "=", "A", "AAAA====", "%00", "é", "A" * 70_000])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    refused(text)


def test_a_cursor_written_otherwise_is_refused() -> None:
    """Spaces in the JSON change nothing in what it says, but it is not what was given."""
    cursor = encode(SCOPE, [1, "a"])
    payload = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[6:]

    refused(base64.urlsafe_b64encode(payload.replace(b",", b", ")).decode().rstrip("="))
