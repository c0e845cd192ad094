"""The pages ``/docs`` and ``/ops``: come whole from here, locked down, and are not sent again for nothing."""

import re
from urllib.parse import urljoin

import pytest
from falcon import testing

from api.app import create_app
from api.openapi.command import unwired
from api.site import swagger_ui
from api.site.files import FOLDER, SECURITY

PAGES = {"/docs": "/docs/", "/ops": "/site/ops/"}
"""Where the files of each are."""
FILES = {
    address + path.name: path
    for page, address in PAGES.items()
    for path in (FOLDER / page.removeprefix("/")).iterdir()
    if path.name != "index.html"
}
BUNDLE = [f"/docs/{name}" for name in swagger_ui.FILES]
"""Swagger UI's own."""
PATHS = [*PAGES, *FILES, *BUNDLE, "/openapi.json"]


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


@pytest.mark.parametrize("folder", PAGES.values())
@pytest.mark.parametrize("name", ["nothing.js", "index.html", "..%2ffiles.py", "%2e%2e%2ffiles.py", ""])
def test_nothing_else_is_served(client: testing.TestClient, folder: str, name: str) -> None:
    result = client.simulate_get(f"{folder}{name}")

    assert result.status_code == 404
    assert result.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("page", PAGES)
def test_whatever_a_page_refers_to_is_there(client: testing.TestClient, page: str) -> None:
    references = re.findall(r'(?:src|href)="([^"#]+)"', client.simulate_get(page).text)
    assert references

    for reference in references:
        assert client.simulate_get(urljoin(page, reference)).status_code == 200, reference


def test_swagger_ui_is_served_as_its_package_has_it(client: testing.TestClient) -> None:
    served = [client.simulate_get(address).content for address in BUNDLE]

    assert sorted(served) == sorted(path.read_bytes() for path in swagger_ui.files())
    assert b"SwaggerUIBundle" in served[0]


def test_without_the_package_of_swagger_ui_the_api_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swagger_ui, "PACKAGE", "nothing_of_the_name")

    with pytest.raises(FileNotFoundError, match="nothing_of_the_name"):
        create_app(unwired())


def test_whatever_a_script_imports_is_there_and_exports_that() -> None:
    for address, path in FILES.items():
        imports = re.findall(r'^import \{ (.*?) \} from "(.*?)";$', path.read_text(), re.MULTILINE)
        assert len(imports) == path.read_text().count("import ") or path.suffix != ".js", address
        for names, reference in imports:
            imported = FILES[urljoin(address, reference)].read_text()
            for name in names.split(", "):
                assert re.search(
                    rf"^export (async )?(function|class|const) {name}\b", imported, re.MULTILINE
                ), (
                    address,
                    name,
                )


def test_every_script_is_used() -> None:
    scripts = _scripts() + "".join((FOLDER / page[1:] / "index.html").read_text() for page in PAGES)

    for address, path in FILES.items():
        assert re.search(rf"[/\"]{re.escape(path.name)}\"", scripts), address


def test_scripts_never_make_html_of_data_nor_go_elsewhere() -> None:
    scripts = _scripts().replace('"http://www.w3.org/2000/svg"', "")  # which names the kind of an element

    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:", scripts)


def _scripts() -> str:
    return "\n".join(path.read_text() for path in FOLDER.rglob("*.js"))
