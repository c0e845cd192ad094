"""What honcho cannot stop, its runner kills: also when it is interrupted at once, or is slow."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.local import processes as processes_module
from api.local.processes import Processes
from tests.support.processes import ROOT
from tests.support.waiting import until

STUBBORN = """
import pathlib, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(__file__).with_suffix(".up").touch()
signal.pause()
"""
STARTED_S = GONE_S = 30.0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Honcho with one process, which ignores the end and is left to its own when honcho is killed."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    procfile = tmp_path / "Procfile"
    procfile.write_text(f"stubborn: exec python '{tmp_path / 'stubborn.py'}'\n")
    processes = Processes(procfile, ROOT, os.environ)
    yield processes
    until(lambda: processes._left() == [], GONE_S, "the end of all")


def test_a_signal_while_honcho_is_being_started_leaves_nothing(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen
    honchos = []

    def interrupted(*args: Any, **options: Any) -> None:
        honchos.append(start(*args, **options))
        until((tmp_path / "stubborn.up").exists, STARTED_S, "honcho and its process")
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), processes:
        processes.start()
    assert honchos[0].wait(GONE_S) < 0


def test_whoever_looks_for_what_is_left_too_slowly_kills_it_all_the_same(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes_module, "STOP_S", 0.1)
    monkeypatch.setattr(processes_module, "LEFTOVERS_S", 0.0)
    with processes:
        processes.start()
        until((tmp_path / "stubborn.up").exists, STARTED_S, "honcho and its process")
