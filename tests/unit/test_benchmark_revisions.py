"""What the benchmark does with another revision: its files, its feeder, and what it cannot do."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bus.messages.streams import customer_stream, partition_of
from tests.benchmarks import report, sizes, workload
from tests.benchmarks.__main__ import app
from tests.benchmarks.benchmark import AGAINST, MEASUREMENTS, Measurement, run
from tests.benchmarks.builds import Revision, RevisionError
from tests.benchmarks.figures import Failure, Missing
from tests.benchmarks.meanwhile import Meanwhile


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@workload.example")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of one file, tagged ``old`` and ``new``, and a change that is in neither."""
    git(tmp_path, "init")
    for name in ("old", "new", "uncommitted"):
        (tmp_path / "said").write_text(name)
        if name != "uncommitted":
            git(tmp_path, "add", "said")
            git(tmp_path, "commit", "--no-verify", "-m", name)
            git(tmp_path, "tag", name)
    return tmp_path


def test_a_revision_is_checked_out_aside_and_gone_afterwards(repository: Path) -> None:
    with Revision.parse("old", repository).checked_out() as root:
        assert (root / "said").read_text() == "old"
        assert repository not in root.parents
    assert not root.exists()
    assert (repository / "said").read_text() == "uncommitted"


def test_a_revision_is_named_by_its_commit(repository: Path) -> None:
    assert Revision.parse("new", repository) == Revision.parse("HEAD", repository)
    assert Revision.parse("old", repository) != Revision.parse("new", repository)


@pytest.mark.parametrize("text", ["nothing", "", "--all"])
def test_what_git_does_not_know_is_no_revision(repository: Path, text: str) -> None:
    with pytest.raises(ValueError, match="git knows no commit"):
        Revision.parse(text, repository)


def test_what_another_revision_cannot_do_is_missing_and_no_failure() -> None:
    def cannot(*_: Any) -> Any:
        raise RevisionError("0ld does not start: [no module]")

    nobody: Any = None
    results = list(run(nobody, sizes.TINY, [Measurement("against", ("a", "b"), cannot)], lambda _: None))

    assert [(type(result), result.name) for result in results] == [(Missing, "a"), (Missing, "b")]
    assert not any(isinstance(result, Failure) for result in results)
    told = json.loads(json.dumps(report.as_json(results, "quick")))
    assert told["missing"] == dict.fromkeys("ab", "0ld does not start: [no module]")
    assert told["failed"] == {}
    console = Console(file=io.StringIO(), width=200)
    console.print(report.table(results))
    assert isinstance(console.file, io.StringIO)
    row = next(line for line in console.file.getvalue().splitlines() if " a " in line)
    assert "not to be had" in row
    assert "0ld does not start: [no module]" in row


def test_no_figure_against_a_revision_has_the_name_of_another() -> None:
    names = [name for measurement in (*MEASUREMENTS, *AGAINST) for name in measurement.figures]
    assert len(names) == len(set(names))


def test_neighbours_share_the_partition_and_are_others() -> None:
    stream = customer_stream(workload.CUSTOMERS[0])
    neighbours = workload.neighbours(stream, workload.CUSTOMERS, 4)
    assert neighbours
    assert workload.CUSTOMERS[0] not in neighbours
    assert {partition_of(customer_stream(each), 4) for each in neighbours} == {partition_of(stream, 4)}


def test_somebody_asks_at_least_once_meanwhile() -> None:
    with Meanwhile(lambda: 7.0) as meanwhile:
        pass
    assert set(meanwhile.samples.values) == {7.0}


def test_what_somebody_meets_meanwhile_is_not_lost() -> None:
    def fails() -> float:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"), Meanwhile(fails):
        pass


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "nothing"], "no measurement is named nothing"),
        (["--only", "against_e2e"], "name the other revision with --against"),
        (["--against", "no-such-revision"], "git knows no commit"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_starts(arguments: list[str], told: str) -> None:
    refused = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert told in refused.output
