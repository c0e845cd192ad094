"""The README names what is there, and does not name as missing what is there."""

import importlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import typer.main

from bus.settings import Settings
from tests import readme

CORNERS = "Corners cut"
FOLDERS = ("bus/", "write_side/", "read_side/", "api/", "tests/", ".ci/")

_CODE = re.compile(r"`([^`]+)`")
_ROUTE = re.compile(r'Route\(\s*"([^"]+)"')
_PATH = re.compile(r"(?:GET |POST |PATCH )?(/[a-z][^\s?]*)(?:\?.*)?")
_MODULE = re.compile(r"python -m (bus|write_side|read_side|api) ([a-z]+)")
_TARGET = re.compile(r"\bmake ([a-z]+)\b")


def defaults() -> Iterator[tuple[str, str]]:
    """Every variable and its default, as the table writes them."""
    for name, field in Settings.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        yield name.upper(), "none" if default is None else f"`{default}`"
    yield "PORT", f"`{Settings.model_fields['api_port'].default}`"


def routes() -> set[str]:
    return set(_ROUTE.findall((readme.ROOT / "api/app.py").read_text()))


def new_files() -> set[str]:
    """What the examples add."""
    return {block.about for block in readme.blocks("python") if block.about.endswith(".py")}


def test_the_table_of_variables_is_that_of_the_settings() -> None:
    told = [(name.strip("`"), default) for name, default, _ in readme.rows("Configuration")]
    assert sorted(told) == sorted(defaults())


def test_every_file_that_is_named_exists() -> None:
    named = {text for text in readme.code() if text.startswith(FOLDERS) and " " not in text}
    assert len(named) > 20
    assert [path for path in sorted(named - new_files()) if not (readme.ROOT / path).exists()] == []


def test_every_process_is_named() -> None:
    processes = re.findall(r"^(\w+):", (readme.ROOT / "Procfile").read_text(), re.MULTILINE)
    assert set(processes) <= readme.code()


def test_the_files_of_the_examples_are_new() -> None:
    assert new_files()
    assert [path for path in sorted(new_files()) if (readme.ROOT / path).exists()] == []


def test_every_command_that_is_named_exists() -> None:
    text = readme.README.read_text()
    named = set(_MODULE.findall(text))
    assert named >= {("bus", "up"), ("api", "token"), ("read_side", "audit"), ("write_side", "audit")}
    for package, command in sorted(named):
        main: Any = importlib.import_module(f"{package}.__main__")
        app = typer.main.get_command(getattr(main, "app", None) or main.cli)
        assert command in getattr(app, "commands", {}), f"python -m {package} {command}"


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (readme.ROOT / "Makefile").read_text()
    named = {match[1] for text in readme.code() if (match := _TARGET.fullmatch(text))}
    assert named >= {"run", "test", "demo"}
    for target in sorted(named):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def test_every_route_that_is_named_exists() -> None:
    existing = {re.sub(r"{\w+}", "{id}", route) for route in routes()}
    assert paths(readme.code()) - missing() - existing == set()


def test_every_route_that_is_said_to_be_missing_is_missing() -> None:
    assert missing() & routes() == set()


def missing() -> set[str]:
    return paths(_CODE.findall(readme.section(CORNERS)))


def paths(code: Iterable[str]) -> set[str]:
    """Those pieces of code that are addresses."""
    return {match[1] for text in code if (match := _PATH.fullmatch(text))}


@pytest.mark.parametrize("block", readme.blocks("python"), ids=lambda block: block.about)
def test_python_compiles(block: readme.Block) -> None:
    compile(block.text, f"README: {block.about}", "exec")
