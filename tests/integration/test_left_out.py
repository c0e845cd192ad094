"""What a run leaves out for want of a program or of Northwind's files it says at its end; in CI it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.programs import MISSING
from tests.support import nginx, node, skewed_mongod
from tests.support.datasets import NOT_THERE
from tests.support.processes import ROOT
from tests.support.waiting import LONGEST_S

JOURNEY = "tests/browser/test_stories.py::test_an_order_is_followed"
IMPORTED = "tests/unit/test_recorded_trade.py"
WRONG_CLOCK = "tests/integration/test_wrong_clocks.py::test_the_sweep_finds_what_is_lost"
TYPESCRIPT = "tests/e2e/test_generated_clients.py::test_a_typescript_client"
PROXY = "tests/integration/api/test_nginx.py::test_a_caller_is_known_by_its_own_address"
ELSEWHERE = "tests/unit/test_prefer.py"


def run(folder: Path, *arguments: str, **variables: str) -> str:
    """What a run of pytest says that finds no program but Python."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
    environ |= {"PATH": str(folder), **variables}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    return ended.stdout


@pytest.mark.parametrize("processes", ["0", "1"])
def test_what_needs_a_missing_program_is_left_out_and_named(tmp_path: Path, processes: str) -> None:
    said = run(tmp_path, "-n", processes, JOURNEY, WRONG_CLOCK, TYPESCRIPT, PROXY, ELSEWHERE)

    assert "not run: tests in a browser" in said
    assert f"\n{JOURNEY}\n" in said
    assert f"1 not run, since {MISSING}" in said
    assert "not run: tests with a wrong clock" in said
    assert f"\n{WRONG_CLOCK}\n" in said
    assert f"1 not run, since {skewed_mongod.MISSING}" in said
    assert "not run: tests of a generated TypeScript client" in said
    assert f"\n{TYPESCRIPT}\n" in said
    assert f"1 not run, since {node.MISSING}" in said
    assert "not run: tests behind nginx" in said
    assert f"\n{PROXY}\n" in said
    assert f"1 not run, since {nginx.MISSING}" in said
    assert " passed" in said
    assert "failed" not in said


def test_in_ci_it_is_not_left_out(tmp_path: Path) -> None:
    said = run(tmp_path, "--collect-only", "-q", JOURNEY, WRONG_CLOCK, TYPESCRIPT, PROXY, CI="true")

    assert JOURNEY in said
    assert WRONG_CLOCK in said
    assert TYPESCRIPT in said
    assert PROXY in said
    assert "not run" not in said


@pytest.mark.parametrize("processes", ["0", "1"])
def test_without_northwind_the_other_sets_are_imported_and_the_end_says_so(
    tmp_path: Path, processes: str
) -> None:
    chosen = ("-m", "not thorough", "-k", "everything_is_there", IMPORTED)
    said = run(tmp_path, "-v", "-n", processes, *chosen, NORTHWIND_DIR="")

    assert "[pizzaplace]" in said
    assert "[northwind]" not in said
    assert said.count(NOT_THERE) == 1
    assert " passed" in said


def test_of_northwind_nothing_is_said_where_nothing_would_have_imported_it(tmp_path: Path) -> None:
    assert NOT_THERE not in run(tmp_path, ELSEWHERE, NORTHWIND_DIR="")
