"""The page at ``/docs``: comes whole from here, is locked down, and is not sent again for nothing."""

import re

import pytest
from falcon import testing

from api.app import create_app
from api.openapi.command import unwired
from api.site.files import FOLDER, SECURITY

PATHS = ["/docs", *(f"/docs/{name}" for name in ("page.js", "style.css", "icon.svg")), "/openapi.json"]


@pytest.fixture(scope="module")
def client() -> testing.TestClient:
    return testing.TestClient(create_app(unwired()))


@pytest.mark.parametrize("path", PATHS)
def test_everybody_gets_it_locked_down(client: testing.TestClient, path: str) -> None:
    result = client.simulate_get(path)

    assert result.status_code == 200
    assert {name: result.headers[name.lower()] for name in SECURITY} == SECURITY
    assert result.headers["cache-control"] == "no-cache"
    assert "unsafe" not in result.headers["content-security-policy"]


@pytest.mark.parametrize("path", PATHS)
def test_what_a_browser_has_is_not_sent_again(client: testing.TestClient, path: str) -> None:
    etag = client.simulate_get(path).headers["etag"]

    again = client.simulate_get(path, headers={"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "..%2ffiles.py", "%2e%2e%2ffiles.py", ""])
def test_nothing_else_is_served(client: testing.TestClient, name: str) -> None:
    result = client.simulate_get(f"/docs/{name}")

    assert result.status_code == 404
    assert result.headers["content-type"] == "application/problem+json"


def test_whatever_a_page_refers_to_is_there(client: testing.TestClient) -> None:
    page = client.simulate_get("/docs").text
    modules = [f"docs/{name}" for name in re.findall(r'from "\./([^"]+)"', _scripts())]

    for reference in re.findall(r'(?:src|href)="([^"#]+)"', page) + modules:
        assert client.simulate_get(f"/{reference}").status_code == 200, reference


def test_scripts_never_make_html_of_data_nor_go_elsewhere() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:", _scripts())


def _scripts() -> str:
    return "\n".join(path.read_text() for path in FOLDER.rglob("*.js"))
