"""``/`` and ``/problems``: JSON for a program, a page for a person, and what the pages lead to."""

import re
from urllib.parse import urljoin

import pytest
from falcon import testing

from api.app import create_app
from api.openapi.command import unwired
from api.site.files import SECURITY
from bus.version import VERSION

PATHS = ["/", "/problems", "/problems/forbidden"]
HTML = "text/html; charset=utf-8"
NOT_HERE = {"/health/ready"}
"""Where a page leads that is not served without what it asks."""


@pytest.fixture(scope="module")
def client() -> testing.TestClient:
    return testing.TestClient(create_app(unwired()))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        *(
            (a, "application/json")
            for a in (None, "", "*/*", "application/json", "application/*", "text/plain")
        ),
        *(
            (a, "application/json")
            for a in ("application/json, text/html", "text/html;q=0.5, */*", "a/b/c;q=x")
        ),
        *((a, HTML) for a in ("text/html", "TEXT/HTML", "text/*", "text/html, application/json;q=0.9")),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", HTML),
    ],
)
def test_who_asks_gets_what_it_prefers(
    client: testing.TestClient, path: str, accept: str | None, media_type: str
) -> None:
    result = client.simulate_get(path, headers={} if accept is None else {"Accept": accept})

    assert (result.status_code, result.headers["content-type"]) == (200, media_type)
    assert result.headers["vary"] == "Accept"
    assert result.headers["cache-control"] == "no-cache"
    assert {name: result.headers[name.lower()] for name in SECURITY} == SECURITY


@pytest.mark.parametrize("path", PATHS)
def test_json_and_page_are_told_apart_by_caches(client: testing.TestClient, path: str) -> None:
    page = client.simulate_get(path, headers={"Accept": "text/html"})
    document = client.simulate_get(path)
    same = client.simulate_get(path, headers={"Accept": "text/html", "If-None-Match": page.headers["etag"]})
    other = client.simulate_get(path, headers={"If-None-Match": page.headers["etag"]})

    assert page.headers["etag"] != document.headers["etag"]
    assert (same.status_code, same.content, same.headers["vary"]) == (304, b"", "Accept")
    assert (other.status_code, other.json) == (200, document.json)


def test_a_program_is_told_where_to_go(client: testing.TestClient) -> None:
    about = client.simulate_get("/").json

    assert (about["name"], about["version"]) == ("Twofold", VERSION)
    assert {"/docs", "/openapi.json", "/ops", "/health/ready", "/problems"} == set(about["links"].values())
    for address in set(about["links"].values()) - NOT_HERE:
        assert client.simulate_get(address).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_page_leads_to_what_is_there(client: testing.TestClient, path: str) -> None:
    page = client.simulate_get(path, headers={"Accept": "text/html"}).text
    addresses = {urljoin(path, found) for found in re.findall(r'(?:src|href)="([^"]+)"', page)}

    assert addresses >= {"/", "/docs", "/ops", "/problems", "/site/pages/style.css"}
    for address in addresses - NOT_HERE:
        assert client.simulate_get(address).status_code == 200, address


def test_a_page_also_works_below_another_address() -> None:
    """A proxy may serve all of this below a path: nothing on a page begins at the root of the host."""
    client = testing.TestClient(create_app(unwired()))
    for path in PATHS:
        page = client.simulate_get(path, headers={"Accept": "text/html"}).text
        assert not re.search(r'(?:src|href)="/', page)


def test_the_dashboard_leads_to_the_description(client: testing.TestClient) -> None:
    assert 'href="docs"' in client.simulate_get("/ops").text
