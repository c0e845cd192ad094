"""Tests whose program is missing are left out and named at the end of the run; in CI they fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import skewed_mongod
from tests.browser.programs import MISSING
from tests.processes import ROOT

JOURNEY = "tests/browser/test_stories.py::test_an_order_is_followed"
WRONG_CLOCK = "tests/integration/test_wrong_clocks.py::test_the_sweep_finds_what_is_lost"
ELSEWHERE = "tests/unit/test_prefer.py"


def run(folder: Path, *arguments: str, **variables: str) -> str:
    """What a run of pytest says that finds no program but Python."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
    environ |= {"PATH": str(folder), **variables}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    return ended.stdout


@pytest.mark.parametrize("processes", ["0", "1"])
def test_what_needs_a_missing_program_is_left_out_and_named(tmp_path: Path, processes: str) -> None:
    said = run(tmp_path, "-n", processes, JOURNEY, WRONG_CLOCK, ELSEWHERE)

    assert "not run: tests in a browser" in said
    assert f"\n{JOURNEY}\n" in said
    assert f"1 not run, since {MISSING}" in said
    assert "not run: tests with a wrong clock" in said
    assert f"\n{WRONG_CLOCK}\n" in said
    assert f"1 not run, since {skewed_mongod.MISSING}" in said
    assert " passed" in said
    assert "failed" not in said


def test_in_ci_it_is_not_left_out(tmp_path: Path) -> None:
    said = run(tmp_path, "--collect-only", "-q", JOURNEY, WRONG_CLOCK, CI="true")

    assert JOURNEY in said
    assert WRONG_CLOCK in said
    assert "not run" not in said
