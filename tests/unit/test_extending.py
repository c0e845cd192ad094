"""How to extend it, as the page shows, done in a copy of the tree: it fits, and its tests pass."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import EXTENDING, ROOT

COPIED = ("bus", "write_side", "read_side", "api")
PASSED_S = 120

ROUTES = """
from unittest.mock import MagicMock
from api.app import routes
print(*sorted(route.path for route in routes(MagicMock())))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the examples need, with the examples in it."""
    copy = tmp_path_factory.mktemp("tree")
    for package in COPIED:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tests/unit").mkdir(parents=True)
    for file in ("tests/messages.py", "tests/unit/projecting.py", "tests/unit/scenario.py", "pyproject.toml"):
        shutil.copy(ROOT / file, copy / file)
    for path, text in EXTENDING.new_files.items():
        (copy / path).write_text(text)
    for change in EXTENDING.changes:
        changed = copy / change.path
        changed.write_text(change.apply(changed.read_text()))
    return copy


def run(tree: Path, *arguments: str) -> str:
    """Python in the copy; returns what it printed. Fails when it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=PASSED_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_their_tests_pass(tree: Path) -> None:
    assert "4 passed" in run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit")


def test_the_application_has_their_routes(tree: Path) -> None:
    found = run(tree, "-c", ROUTES).split()
    assert {"/orders/{order_id}/notes", "/analytics/countries"} <= set(found)


def test_they_are_in_the_style_of_the_rest(tree: Path) -> None:
    files = [change.path for change in EXTENDING.changes] + list(EXTENDING.new_files)
    run(tree, "-m", "ruff", "check", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *files)
