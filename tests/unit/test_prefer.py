"""``Prefer``: what is understood, and that nonsense never matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.prefer import MAX_WAIT_S, Preference, parse


@pytest.mark.parametrize(
    ("header", "wait", "visible"),
    [
        (None, None, False),
        ("", None, False),
        ("wait=5", 5, False),
        ("Wait=5", 5, False),
        (" wait = 5 ", 5, False),
        ('wait="5"', 5, False),
        ("wait=5, visible", 5, True),
        ("visible,wait=5", 5, True),
        ("respond-async, wait=5; foo=bar;, x", 5, False),
        ("wait=0", 0, False),
        ("wait=007", 7, False),
        ("wait=30", 30, False),
        ("wait=31", MAX_WAIT_S, False),
        ("wait=" + "9" * 500, MAX_WAIT_S, False),
        ("wait=5, wait=9", 5, False),
        ("wait=-1", None, False),
        ("wait=1.5", None, False),
        ("wait=٣", None, False),
        ("wait", None, False),
        ("wait=", None, False),
        ("wait=soon, wait=5", None, False),
        ('x="a, wait=9", wait=4', 4, False),
        ('x="never closed, wait=4', None, False),
        ("=, ;;, wait=4", 4, False),
        ("visible=no", None, False),
        ('visible="', None, False),
        ("wait=5; a=1, visible; b", 5, True),
        ("," * 30 * 1_024, None, False),
        ('visible=""', None, True),
        ("wait=5" + " " * 2_000, None, False),
    ],
)
def test_preferences(*, header: str | None, wait: int | None, visible: bool) -> None:
    assert parse(header) == Preference(wait=wait, visible=visible)


@given(st.text(alphabet='wait=visble",;\\ \t019x', max_size=200))
def test_any_header_is_read_or_ignored(header: str) -> None:
    preference = parse(header)

    assert preference.wait is None or 0 <= preference.wait <= MAX_WAIT_S


@pytest.mark.parametrize("header", ["x" + "; " * 499, '"\\' * 500, "x" + " = " * 300, "x;" + "a = b " * 160])
def test_a_header_made_to_be_slow_is_not(header: str) -> None:
    """The test's timeout is the assertion: a pattern that backtracks would take for ever."""
    assert parse(header) == Preference()
