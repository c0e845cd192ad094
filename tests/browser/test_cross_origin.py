"""A page of another origin uses the API from a real browser, which keeps to what the answers allow."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.browser.browser import Browser
from tests.support.system import System

CALL = """
const [url, method, token, headers, body] = arguments;
const sent = { method, headers: { Authorization: `Bearer ${token}`, ...headers }, body: body || undefined };
return fetch(url, sent).then(
  async (answer) => ({
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: await answer.text(),
  }),
  (error) => ({ failed: error.name }),
);
"""
PRODUCT = '{"product_id": "pot", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}'


class EmptyPage(BaseHTTPRequestHandler):
    """Whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of a server of pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def system(elsewhere: int) -> Iterator[System]:
    with System(CORS_ORIGINS=f"http://127.0.0.1:{elsewhere}") as running:
        yield running


def call(browser: Browser, system: System, method: str, path: str, body: str = "", **headers: str) -> Any:
    token = system.token("staff", "sam")
    return browser.script(CALL, f"{system.url}{path}", method, token, headers, body)


def test_a_page_of_a_named_origin_places_changes_and_reads(
    browser: Browser, system: System, elsewhere: int
) -> None:
    browser.open_elsewhere(f"http://127.0.0.1:{elsewhere}/")
    json = {"Content-Type": "application/json", "Idempotency-Key": "k1", "Prefer": "wait=30, visible"}
    created = call(browser, system, "POST", "/products", PRODUCT, **json)
    merge = {"Content-Type": "application/merge-patch+json", "If-Match": '"v1"', "Prefer": "wait=30, visible"}
    changed = call(browser, system, "PATCH", "/products/pot", '{"unit_price": 2.4e3}', **merge)
    token = {"Consistency-Token": changed["headers"]["consistency-token"]}
    read = call(browser, system, "GET", "/products/pot", **token)
    with browser.expecting("409"):
        refused = call(browser, system, "POST", "/products", PRODUCT, **{**json, "Idempotency-Key": "k2"})

    assert (created["status"], changed["status"], read["status"]) == (201, 204, 200)
    assert created["headers"]["location"] == "/products/pot"
    assert {"link", "preference-applied", "x-correlation-id"} <= created["headers"].keys()
    assert '"unit_price":2400' in read["body"]
    assert read["headers"]["etag"].startswith('"v2.')
    assert (refused["status"], "/problems/id-taken" in refused["body"]) == (409, True)


def test_a_page_of_another_origin_is_not_let_near(browser: Browser, system: System, elsewhere: int) -> None:
    """The same server under another name is another origin."""
    browser.open_elsewhere(f"http://localhost:{elsewhere}/")
    with browser.expecting("CORS", "ERR_FAILED"):
        assert call(browser, system, "GET", "/products") == {"failed": "TypeError"}
