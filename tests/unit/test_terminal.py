"""What somebody wrote reaches a terminal as text, whatever it is, and by whatever way."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from bus.cli import run_cli, write_json
from bus.errors import RefusedError
from bus.primitives.printable import printable
from bus.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "\x1b]0;owned\x07 \x9b31m \x85 \x7f \u202egnp\u2066\u200f\u061c \u2028"
RAW = re.compile(
    r"\x1b(?!\[[0-9;]*m)|[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""Anything but text, line feeds and Rich's own colours."""


def table(hostile: str) -> Table:
    shown = Table(hostile, title=hostile)
    shown.add_row(hostile)
    return shown


@pytest.mark.parametrize("text", ["", "Ann", "Zoë 👩‍👩‍👧", "می‌خواهم", "two\nlines\tand a tab", "[red]"])
def test_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_what_controls_is_shown_as_an_escape() -> None:
    assert printable("a\x1b[2J\u202eb") == r"a\u001b[2J\u202eb"


@pytest.mark.parametrize(
    "printed",
    [HOSTILE, Text(HOSTILE), table(HOSTILE), JSON(json.dumps(HOSTILE), ensure_ascii=False)],
    ids=["text", "styled text", "table", "json"],
)
def test_nothing_that_is_printed_controls_a_terminal(printed: object) -> None:
    out = io.StringIO()
    terminal = Terminal(file=out, force_terminal=True, width=300)

    terminal.print(printed)
    terminal.rule(HOSTILE)

    assert not RAW.search(out.getvalue())
    assert r"\u202egnp" in out.getvalue()


def test_nothing_that_is_printed_is_markup() -> None:
    out = io.StringIO()
    terminal = Terminal(file=out, force_terminal=True, highlight=False)
    terminal.print(table("[red]x[/] :key:"))
    terminal.print("[bold]y[/]")

    assert out.getvalue().count("[red]x[/] :key:") == 3
    assert "[bold]y[/]" in out.getvalue()


def test_json_is_safe_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"name": HOSTILE})

    out = capsys.readouterr().out
    assert not RAW.search(out)
    assert json.loads(out) == {"name": HOSTILE}


def test_errors_of_commands_are_safe(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise RefusedError(f"there is no {HOSTILE}")

    with pytest.raises(SystemExit):
        run_cli(refuse)  # type: ignore[arg-type]  # is called, as an app is
    assert not RAW.search(capsys.readouterr().err)


def test_every_command_prints_through_it() -> None:
    imports = re.compile(r"from rich\.console import .*\bConsole\b|from rich import|import rich\b")
    packages = ("bus", "write_side", "read_side", "api")
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    assert [path.name for path in paths if imports.search(path.read_text())] == ["terminal.py"]
