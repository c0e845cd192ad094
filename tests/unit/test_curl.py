"""The reader of shell sessions: it understands little, and refuses the rest."""

from typing import Any

import pytest

from tests.support import pages
from tests.support.curl import (
    FURTHER,
    Assignment,
    Call,
    Copied,
    Request,
    SessionError,
    fits,
    request,
    steps,
    words,
)

SESSION = """
URL=http://127.0.0.1:8000
AS="Authorization: Bearer $STAFF"

curl -i "$URL/things" -H "$AS" \\
  -d '{"a": [1,
             2]}'
# 201 {"id": "…", "more": {"b": [1, …], …}}

ID=…     # the id of that answer
curl -X PATCH "$URL/things/$ID"
# 204
"""


def test_a_session_is_a_list_of_steps() -> None:
    first, second, create, copied, patch = steps(SESSION)
    assert first == Assignment("URL", "http://127.0.0.1:8000")
    assert second == Assignment("AS", '"Authorization: Bearer $STAFF"')
    assert isinstance(create, Call)
    assert (create.status, create.answer) == (201, {"id": "…", "more": {"b": [1, FURTHER], "…": None}})
    assert copied == Copied("ID", "id")
    assert patch == Call('curl -X PATCH "$URL/things/$ID"', 204, None)


@pytest.mark.parametrize(
    "session", ["curl http://a", "curl http://a\nls", "ls -l", "curl 'http://a", "lower=case", "# 200 {}"]
)
def test_what_is_not_understood_is_an_error(session: str) -> None:
    with pytest.raises(SessionError):
        list(steps(session))


def test_variables_are_filled_in_as_a_shell_does() -> None:
    line = """curl "$URL/things?a=1&b=2" -H "$AS" -d '{"a": "b c"}'"""
    variables = {"URL": "http://a", "AS": "Authorization: Bearer x"}
    assert words(line, variables) == [
        *("curl", "http://a/things?a=1&b=2", "-H", "Authorization: Bearer x", "-d", '{"a": "b c"}')
    ]
    assert words("curl -H $AS", variables) == ["curl", "-H", "Authorization:", "Bearer", "x"]


@pytest.mark.parametrize(
    "line",
    [
        "curl $UNKNOWN",
        "curl '$URL'",
        "curl $URL?a=1&b=2",
        "curl $URL | jq .",
        "curl $URL > file",
        "curl $URL; ls",
        "curl $(ls)",
    ],
)
def test_what_a_shell_would_take_otherwise_is_an_error(line: str) -> None:
    with pytest.raises(SessionError):
        words(line, {"URL": "http://a"})


def test_a_body_makes_it_a_post() -> None:
    assert request(["curl", "-si", "http://a", "-H", "X-A:  b: c", "-d", "{}"]) == Request(
        "POST", "http://a", {"x-a": "b: c", "content-type": "application/x-www-form-urlencoded"}, "{}"
    )
    assert request(["curl", "--json", "{}", "http://a"]).headers == {"content-type": "application/json"}
    assert request(["curl", "http://a"]) == Request("GET", "http://a", {}, None)
    assert request(["curl", "-X", "PATCH", "-d", "{}", "http://a"]).method == "PATCH"


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["wget", "http://a"],
        ["curl"],
        ["curl", "http://a", "http://b"],
        ["curl", "-k", "http://a"],
        ["curl", "-sk", "http://a"],
        ["curl", "--compressed", "http://a"],
        ["curl", "-d", "@file", "http://a"],
    ],
)
def test_an_unknown_option_is_an_error(command: list[str]) -> None:
    with pytest.raises(SessionError):
        request(command)


@pytest.mark.parametrize(
    ("expected", "found", "fit"),
    [
        (None, None, True),
        ("…", "anything", True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "…": None}, {"a": 1, "b": 2}, True),
        ({"a": 1, "…": None}, {"b": 2}, False),
        ([{"a": "…"}], [{"a": 1}], True),
        ([1], [1, 2], False),
        ([1, FURTHER], [1, 2], True),
        ([1, FURTHER], [1], True),
        ([1, FURTHER], [2, 1], False),
        ([1, FURTHER], [], False),
        ({"a": 1}, [1], False),
        (1, 2, False),
    ],
)
def test_fitting(*, expected: Any, found: Any, fit: bool) -> None:
    assert fits(expected, found) is fit


@pytest.mark.parametrize("page", [pages.README, pages.TUTORIAL], ids=lambda page: str(page.name))
def test_the_sessions_of_the_pages_can_be_read(page: pages.Page) -> None:
    """What they answer, tests/e2e/test_sessions.py sees."""
    assert len(list(steps(page.session("sh")))) >= 6
