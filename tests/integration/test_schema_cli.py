"""``python -m bus schema``: what is stored, and what a change of it means, told by other revisions in git."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The messages of this build as the first revision of a repository."""
    shutil.copytree(ROOT / "bus", tmp_path / "bus", ignore=shutil.ignore_patterns("__pycache__"))
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return tmp_path


def schema(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bus", "schema", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=60)


def change(project: Path, before: str, after: str) -> None:
    file = project / "bus" / "messages" / "products.py"
    text = file.read_text()
    assert text.count(before) == 1
    file.write_text(text.replace(before, after))


def test_it_prints_each_message_with_its_version(project: Path) -> None:
    printed = json.loads(schema(project).stdout)

    assert printed["OrderPlaced"]["version"] == 2
    assert printed["OrderPlaced"]["kind"] == "event"
    assert printed["OrderPlaced"]["schema"]["properties"]["lines"]["items"]["properties"]["discount"]
    assert printed["PlaceOrder"]["kind"] == "command"


def test_an_unchanged_project_is_fully_compatible(project: Path) -> None:
    checked = schema(project, "check", "--against", "HEAD", "--json")

    assert checked.returncode == 0, checked.stderr
    assert {one["verdict"] for one in json.loads(checked.stdout)} == {"full"}


def test_a_change_that_cannot_read_what_is_stored_fails_and_is_named(project: Path) -> None:
    change(
        project,
        "    unit_price: UnitPrice\n    currency: Currency\n\n\nclass ProductRenamed",
        "    unit_price: UnitPrice\n    currency: Currency\n    colour: str\n\n\nclass ProductRenamed",
    )

    checked = schema(project, "check", "--against", "main")

    assert checked.returncode == 1
    [row] = [line for line in checked.stdout.splitlines() if "ProductAdded" in line]
    assert "forward" in row
    assert "colour is not there" in " ".join(checked.stdout.split())


def test_a_wider_limit_is_read_by_this_build_alone(project: Path) -> None:
    values = project / "bus" / "messages" / "values.py"
    values.write_text(values.read_text().replace("MAX_UNIT_PRICE = 10**9", "MAX_UNIT_PRICE = 10**10"))

    checked = schema(project, "check", "--against", "HEAD", "--json")

    verdicts = {one["message"]: one["verdict"] for one in json.loads(checked.stdout)}
    assert checked.returncode == 0
    assert (verdicts["ProductAdded"], verdicts["ProductRenamed"]) == ("backward", "full")


@pytest.mark.parametrize("revision", ["no-such-tag", "--output=x"])
def test_a_revision_that_is_not_there_is_named(project: Path, revision: str) -> None:
    checked = schema(project, "check", f"--against={revision}")

    assert checked.returncode == 1
    assert checked.stderr.startswith(f"error: {revision}: ")
    assert not (project / "x").exists()


def test_a_revision_without_messages_is_named(project: Path) -> None:
    (project / "bus" / "messages" / "registry.py").unlink()
    subprocess.run([*GIT, "commit", "-qam", "Gone"], cwd=project, check=True)
    subprocess.run([*GIT, "checkout", "-q", "HEAD~1", "--", "bus"], cwd=project, check=True)

    checked = schema(project, "check", "--against", "HEAD")

    assert checked.returncode == 1
    assert "the messages of HEAD cannot be described: ModuleNotFoundError" in checked.stderr
