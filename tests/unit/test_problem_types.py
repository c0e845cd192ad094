"""The type of every problem that the code can make leads to a page, which says what to do about it."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from falcon import testing

from api.app import create_app
from api.http.problem_types import PROBLEM_TYPES, address, title
from api.http.problems import Problem
from api.middleware.error_handlers import _CODES, of_status
from api.openapi.command import unwired

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {
    "Problem": (1, "code", "{}"),
    "Violation": (0, "code", "{}"),
    "Rejection": (2, "code", "{}"),
    "_conflict": (0, "code", "{}"),
    "_unserved": (1, "code", "{}"),
    "malformed": (0, "what", "malformed-{}"),
    "not_found": (0, "kind", "unknown-{}"),
    "checked_id": (0, "kind", "unknown-{}"),
}
"""What makes a problem: which argument names its type, by place and by name, and what that becomes."""
HANDED_ON = {
    "code",
    "kind",
    "first.code",
    "rejection.code",
    "f'malformed-{what}'",
    "_CODES.get(status, other)",
}
"""Arguments of those makers that others call; these callers are looked at as well."""
OF_STATUSES = {*_CODES.values(), "malformed-request", "internal-error"}
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client() -> testing.TestClient:
    return testing.TestClient(create_app(unwired()))


def named() -> Iterator[tuple[str, bool]]:
    """The types that the code names, with True; and arguments that are no plain text, with False."""
    for package in ("api", "write_side"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                    continue
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in MAKERS:
                    yield _named(node, *MAKERS[name])


def _named(call: ast.Call, place: int, keyword: str, becomes: str) -> tuple[str, bool]:
    by_name = [given.value for given in call.keywords if given.arg == keyword]
    argument = (by_name or call.args[place:])[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return becomes.format(argument.value.replace(" ", "-")), True
    return ast.unparse(argument), False


def test_every_problem_that_the_code_makes_has_a_type_and_no_type_is_left_over() -> None:
    found = set(named())

    assert {text for text, is_plain in found if not is_plain} == HANDED_ON
    assert {text for text, is_plain in found if is_plain} | OF_STATUSES == PROBLEM_TYPES.keys()


@pytest.mark.parametrize("status", [status for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST])
def test_every_status_has_a_type(status: HTTPStatus) -> None:
    assert of_status(status).code in PROBLEM_TYPES


def test_types_are_addresses_that_need_no_escaping() -> None:
    for code in PROBLEM_TYPES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert Problem(400, code, "").document()["type"] == address(code) == f"/problems/{code}"


@pytest.mark.parametrize("code", PROBLEM_TYPES)
def test_a_type_leads_to_what_to_do(client: testing.TestClient, code: str) -> None:
    kind = PROBLEM_TYPES[code]
    for_a_program = client.simulate_get(address(code))
    for_a_person = client.simulate_get(address(code), headers=HTML)

    assert for_a_program.headers["content-type"] == "application/json"
    assert for_a_program.json == {
        "type": address(code),
        "title": title(code),
        "statuses": list(kind.statuses),
        "meaning": kind.meaning,
        "advice": kind.advice,
    }
    assert for_a_person.headers["content-type"] == "text/html; charset=utf-8"
    for text in (f"<h1>{title(code)}</h1>", *(HTTPStatus(status).phrase for status in kind.statuses)):
        assert text in for_a_person.text
    for text in (kind.meaning, kind.advice):
        assert text.partition("`")[0] in for_a_person.text
    assert "`" not in for_a_person.text


def test_what_refers_to_an_address_refers_to_one_that_is_there() -> None:
    """The texts name addresses of this service, which move."""
    routed = re.findall(r'Route\(\s*"([^"]+)"', (ROOT / "api/app.py").read_text())
    texts = " ".join(kind.meaning + kind.advice for kind in PROBLEM_TYPES.values())
    named_addresses = set(re.findall(r"`(/[^`]*)`", texts))

    assert len(named_addresses) >= 4
    for named_address in named_addresses:
        assert named_address in routed


def test_all_types_are_listed(client: testing.TestClient) -> None:
    listed = client.simulate_get("/problems").json["problems"]
    page = client.simulate_get("/problems", headers=HTML).text

    assert [shown["type"] for shown in listed] == [address(code) for code in PROBLEM_TYPES]
    assert re.findall(r'href="\./problems/([a-z-]+)"', page) == list(PROBLEM_TYPES)


@pytest.mark.parametrize("code", ["nothing", "Forbidden", "forbidden%2f", "<b>", "..%2fdocs"])
def test_there_are_no_others(client: testing.TestClient, code: str) -> None:
    result = client.simulate_get(f"/problems/{code}", headers=HTML)

    assert result.status_code == 404
    assert result.json["type"] == "/problems/no-such-page"
    assert code not in result.text
