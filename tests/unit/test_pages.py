"""The pages name what is there, lead to what is there, and keep the blocks that tests run."""

import importlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import typer.main
from pydantic import SecretStr

from bus.settings import Settings
from tests.support import pages
from tests.support.pages import Page

PAGES = pages.all_pages()
OF_NOW = [page for page in PAGES if page != pages.CHANGELOG]
"""Those that say how it is; a changelog also names what is gone."""
WRAPPED = [page for page in OF_NOW if page != pages.PERFORMANCE and not page.name.startswith("findings/")]

FOLDERS = ("bus/", "write_side/", "read_side/", "api/", "tests/", "deploy/", "docs/", "findings/", ".ci/")
LINES_OF_THE_FRONT_PAGE = 150
COLUMNS = 100
CORNERS = "Corners cut"

_ROUTE = re.compile(r'Route\(\s*"([^"]+)"')
_PATH = re.compile(r"(?:GET |POST |PATCH )?(/[a-z][^\s?]*)(?:\?.*)?")
_MODULE = re.compile(r"python -m (bus|write_side|read_side|api) ([a-z][a-z-]*)")
_TARGET = re.compile(r"\bmake ([a-z-]+)\b")
_LINKED = re.compile(r"\]\([^)]*\)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
each_wrapped = pytest.mark.parametrize("page", WRAPPED, ids=lambda page: page.name)


def defaults() -> Iterator[tuple[str, str]]:
    """Every variable and its default, as the table writes them."""
    for name, field in Settings.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        default = default.get_secret_value() if isinstance(default, SecretStr) else default
        yield name.upper(), "none" if default is None else f"`{default}`"
    yield "PORT", f"`{Settings.model_fields['api_port'].default}`"


def routes() -> set[str]:
    found = _ROUTE.findall((pages.ROOT / "api/app.py").read_text())
    return {re.sub(r"{\w+}", "{id}", route) for route in found}


def code() -> set[str]:
    """What stands in backticks on any page."""
    return set[str]().union(*(page.code for page in OF_NOW))


def test_the_pages_are_found() -> None:
    names = {page.name for page in PAGES}
    assert names >= {page.name for page in pages.RUN} | {page.name for page in WRAPPED}
    assert {"CONTRIBUTING.md", "docs/glossary.md", "docs/ops/README.md", "findings/README.md"} <= names
    assert len([name for name in names if name.startswith("docs/adr/")]) >= 10


def test_the_front_page_is_short() -> None:
    assert len(pages.README.text.splitlines()) <= LINES_OF_THE_FRONT_PAGE


@each_page
def test_every_block_that_is_run_is_on_a_page_that_tests_read(page: Page) -> None:
    assert Counter(block.kind for block in page.blocks if block.kind) == pages.RUN.get(page, {})


def test_the_connections_that_tests_try_are_there() -> None:
    """``tests/integration/test_documented_connections.py`` makes each of them."""
    assert len(re.findall(r'^export \w+="', pages.CONNECTIONS.text, re.MULTILINE)) == 12


@each_page
def test_every_fence_is_closed_and_says_its_language(page: Page) -> None:
    assert "```" not in page.prose


@each_page
def test_every_place_that_is_linked_exists(page: Page) -> None:
    for link in page.links:
        target = (page.path.parent / link.path).resolve() if link.path else page.path
        assert target.exists(), link
        if link.heading:
            assert link.heading in Page(str(target.relative_to(pages.ROOT))).headings, link


def test_there_are_links_to_check() -> None:
    found = [link for page in PAGES for link in page.links]
    assert len(found) > 80
    assert len([link for link in found if link.heading]) > 20


@each_wrapped
def test_prose_is_wrapped(page: Page) -> None:
    """Tables and blocks may be wider, and the address of a link does not count."""
    prose = [line for line in page.prose.splitlines() if not line.startswith("|")]
    assert [line for line in prose if len(_LINKED.sub("]", line)) > COLUMNS] == []


def test_the_table_of_variables_is_that_of_the_settings() -> None:
    told = [(name.strip("`"), default) for name, default, _ in pages.CONFIGURATION.rows()]
    assert sorted(told) == sorted(defaults())


def test_every_file_that_is_named_exists() -> None:
    named = {text for text in code() if text.startswith(FOLDERS) and " " not in text}
    assert len(named) > 100
    new = pages.EXTENDING.new_files.keys()
    assert [path for path in sorted(named - new) if not (pages.ROOT / path.rstrip("…")).exists()] == []


def test_every_process_is_named() -> None:
    processes = re.findall(r"^(\w+):", (pages.ROOT / "Procfile").read_text(), re.MULTILINE)
    assert set(processes) <= Page("docs/architecture.md").code
    assert set(processes) <= Page("docs/deploying.md").code


def test_every_guarantee_of_the_front_page_is_in_the_long_table() -> None:
    short = re.findall(r"^\| (\d+) \|", pages.README.section("What is guaranteed"), re.MULTILINE)
    assert short == [number for number, *_ in pages.GUARANTEES.rows()]
    assert len(short) >= 10


def test_the_files_of_the_examples_are_new() -> None:
    assert [path for path in pages.EXTENDING.new_files if (pages.ROOT / path).exists()] == []


def test_what_the_examples_change_is_there() -> None:
    """``tests/e2e/test_extending.py`` tries the whole page; this says at once which block to mend."""
    changed: dict[str, str] = {}
    for change in pages.EXTENDING.changes:
        changed[change.path] = change.apply(
            changed.get(change.path) or (pages.ROOT / change.path).read_text()
        )
    assert [path for path, text in changed.items() if text == (pages.ROOT / path).read_text()] == []


def test_every_command_that_is_named_exists() -> None:
    named = {command for page in OF_NOW for command in _MODULE.findall(page.text)}
    assert named >= {("api", "up"), ("api", "token"), ("read_side", "audit"), ("write_side", "audit")}
    for package, command in sorted(named):
        main: Any = importlib.import_module(f"{package}.__main__")
        app = typer.main.get_command(getattr(main, "app", None) or main.cli)
        assert command in getattr(app, "commands", {}), f"python -m {package} {command}"


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (pages.ROOT / "Makefile").read_text()
    named = {match[1] for text in code() if (match := _TARGET.match(text))}
    assert named >= {"run", "test", "demo", "chaos", "failover", "bench"}
    for target in sorted(named):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def test_every_route_that_is_named_exists() -> None:
    named = paths(pages.README.code | pages.TUTORIAL.code | Page("docs/architecture.md").code)
    assert len(named) > 3
    assert named - routes() == set()


def test_every_route_that_is_said_to_be_missing_is_missing() -> None:
    corners = pages.GUARANTEES.section(CORNERS)
    assert paths(re.findall(r"`([^`\n]+)`", corners)) & routes() == set()


def paths(texts: Iterable[str]) -> set[str]:
    """Those pieces of code that are addresses."""
    return {match[1] for text in texts if (match := _PATH.fullmatch(text))}


@pytest.mark.parametrize(
    ("about", "text"),
    [(block.about, block.text) for page in PAGES for block in page.blocks if block.language == "python"],
)
def test_python_compiles(about: str, text: str) -> None:
    compile(text, about, "exec")
