"""How to extend it, as the page shows, done in a copy of the tree: it fits, its tests pass, and it serves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.copied_tree import copied_tree
from tests.support.pages import EXTENDING

pytestmark = pytest.mark.timeout(1500)
PASSED_S = 1200
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
NOT_AGAIN = tuple(f"tests/unit/test_{name}.py" for name in ("stored_messages", "pages", "logs", "workers"))
"""What takes long and is not about what is added."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, with the examples in it."""
    copy = copied_tree(tmp_path_factory.mktemp("tree") / "twofold")
    for path, text in EXTENDING.new_files.items():
        (copy / path).write_text(text)
    for change in EXTENDING.changes:
        changed = copy / change.path
        changed.write_text(change.apply(changed.read_text()))
    written = run(copy, "-m", "tests.golden").split()
    assert [Path(path).name for path in written] == ["OrderNoteAdded.v1.json", "AddOrderNote.v1.json"]
    return copy


def run(tree: Path, *arguments: str) -> str:
    """Python in the copy; returns what it printed. Fails when it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=os.environ | {"HYPOTHESIS_EXAMPLES": "10"},
        capture_output=True,
        text=True,
        timeout=PASSED_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_in_the_style_and_the_types_of_the_rest(tree: Path) -> None:
    files = [change.path for change in EXTENDING.changes] + list(EXTENDING.new_files)
    run(tree, "-m", "ruff", "check", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *files)
    run(tree, "-m", "mypy")


def test_its_tests_pass_and_all_others(tree: Path) -> None:
    ignored = [f"--ignore={path}" for path in NOT_AGAIN]
    run(tree, *PYTEST, *ignored, "tests/unit", "tests/test_architecture.py")
    added = [path for path in EXTENDING.new_files if path.startswith("tests/")]
    assert "4 passed" in run(tree, *PYTEST, *added)


def test_the_service_has_it(tree: Path) -> None:
    found = json.loads(run(tree, "-m", "tests.e2e.added_features"))
    assert {"/orders/{order_id}/notes", "/analytics/countries"} <= set(found.pop("described"))
    assert found == {
        "noted": [204, "wait, visible"],
        "unknown": [404, "/problems/unknown-order"],
        "version": 2,
        "countries": {"countries": [{"country": "GB", "orders": 1, "units": 2}]},
    }
