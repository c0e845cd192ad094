"""Where a Python process spends its time: samples of its stacks by py-spy, if that is installed.

py-spy reads the process from outside, so the process runs nothing that it would not run anyway. It stops it
for each sample, some tens of microseconds at a time.

Only the thread that holds the interpreter's lock counts: threads that wait, for a socket or for each other,
would fill the table. So work in C that gives the lock up (sending, receiving) is not in it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGINT

PER_S = 200
STOP_S = 20.0
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


class Stacks:
    """Samples of some processes, by their names: how often each function was the one that ran."""

    def __init__(self) -> None:
        self.by_process: dict[str, Counter[str]] = {}

    def top(self, process: str, most: int) -> list[tuple[str, float]]:
        """The functions that ran most, and their parts of all the process's samples."""
        return _parts(self.by_process[process], most)

    def packages(self, process: str, most: int) -> list[tuple[str, float]]:
        """The same by package, or by module where it is in none."""
        counted: Counter[str] = Counter()
        for function, times in self.by_process[process].items():
            path = function.rpartition("(")[2].partition(":")[0]
            counted[path.partition("/")[0]] += times
        return _parts(counted, most)


def _parts(counted: Counter[str], most: int) -> list[tuple[str, float]]:
    return [(name, times / counted.total()) for name, times in counted.most_common(most)]


def is_available() -> bool:
    return shutil.which("py-spy", path=PATH) is not None


@contextmanager
def sampled(pids: Mapping[str, int]) -> Iterator[Stacks]:
    """Sample Python processes while the block runs; what was sampled is there afterwards."""
    stacks = Stacks()
    with ExitStack() as leaving:
        folder = Path(leaving.enter_context(tempfile.TemporaryDirectory(prefix="twofold-stacks-")))
        recorders = {name: _record(pid, folder / name) for name, pid in pids.items()}
        for recorder in recorders.values():
            leaving.callback(recorder.kill)
        yield stacks
        for recorder in recorders.values():
            recorder.send_signal(SIGINT)
        for name, recorder in recorders.items():
            recorder.wait(STOP_S)
            stacks.by_process[name] = own_times((folder / name).read_text())


def _record(pid: int, output: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("py-spy", path=PATH)
    if program is None:
        raise FileNotFoundError("py-spy is not installed: pip install py-spy")
    options = [
        "--gil",
        "--function",
        *("--format", "raw"),
        *("--rate", str(PER_S)),
        *("--output", str(output)),
        *("--pid", str(pid)),
    ]
    return subprocess.Popen(
        [program, "record", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def own_times(raw: str) -> Counter[str]:
    """From lines of ``outermost;...;innermost count``: how often each function was innermost."""
    counted: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, times = line.rpartition(" ")
        counted[stack.rpartition(";")[2]] += int(times)
    return counted
