"""That every measurement of the benchmark runs, at a tiny size: what it measures is for ``make bench``.

The other revision is a copy of this one in another folder, without what only the driver needs.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks import sizes
from tests.benchmarks.benchmark import AGAINST, MEASUREMENTS, Measurement
from tests.benchmarks.builds import FeederError, Revision, RevisionError
from tests.benchmarks.cast import Cast
from tests.benchmarks.stage import Stage
from tests.support.processes import ROOT

RUNS = ("bus", "write_side", "read_side", "api", "tests", "Procfile")


class Copy(Revision):
    """The files of the current revision, in a folder of their own."""

    @contextmanager
    def checked_out(self) -> Iterator[Path]:
        root = self.repository
        for name in RUNS:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, root)
        # The driver's own, which the feeder brings along and imports nothing of.
        (root / "tests/benchmarks/feeder.py").unlink()
        (root / "tests/benchmarks/benchmark.py").unlink()
        yield root


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    copy = Copy("copy", tmp_path_factory.mktemp("copy"))
    with Stage() as stage, Cast(stage, sizes.TINY, copy) as cast:
        yield cast


@pytest.mark.parametrize(
    "measurement",
    [*MEASUREMENTS, *(pytest.param(each, marks=pytest.mark.thorough) for each in AGAINST)],
    ids=lambda measurement: str(measurement.name),
)
def test_a_measurement_gives_its_figures(cast: Cast, measurement: Measurement) -> None:
    for figure in measurement(cast, sizes.TINY):
        assert figure.value >= 0
        assert figure.details


def test_the_other_revision_runs_from_its_own_folder(cast: Cast) -> None:
    root = cast.other.stage.root
    assert root != ROOT
    for process in cast.other.stage.processes.values():
        assert process.pid is not None
        assert Path(f"/proc/{process.pid}/cwd").readlink() == root.resolve()


def test_what_fails_in_the_other_revision_is_told_as_its_own(cast: Cast) -> None:
    with pytest.raises(FeederError, match="copy, nothing: KeyError"):
        cast.other._call("nothing")


def test_a_revision_that_does_not_start_is_told_so(cast: Cast, tmp_path: Path) -> None:
    class Empty(Revision):
        @contextmanager
        def checked_out(self) -> Iterator[Path]:
            yield self.repository

    with (
        Cast(cast.stage, sizes.TINY, Empty("empty", tmp_path)) as other,
        pytest.raises(RevisionError, match="empty does not start"),
    ):
        _ = other.other
