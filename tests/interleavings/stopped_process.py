"""A process that stops itself at a named point, so that it can be killed exactly there.

``python -m tests.interleavings.stopped_process bus.log.log:Log._insert write_side worker`` is ``python -m
write_side worker`` that sends itself a SIGSTOP, all its threads included, whenever it is about to insert.
"""

import importlib
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bus.primitives.parent_death import dies_with_parent
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
ARRIVES_S = 30


@contextmanager
def killed_at(point: str, module: str, *arguments: str, environ: Mapping[str, str]) -> Iterator[int]:
    """While the block runs, the process (its id is given) stands at the point; then it is killed there."""
    command = [sys.executable, "-m", __name__, point, module, *arguments]
    with subprocess.Popen(
        dies_with_parent(command),
        cwd=ROOT,
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            until(lambda: _stands(process), ARRIVES_S, f"{module} at {point}")
            yield process.pid
        finally:
            process.kill()


def _stands(process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        assert process.stdout is not None
        raise RuntimeError(f"it ended by itself: {process.stdout.read().decode(errors='replace')}")
    return os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None


def main(point: str, module: str, *arguments: str) -> None:
    path, _, names = point.partition(":")
    class_name, _, method = names.partition(".")
    owner = getattr(importlib.import_module(path), class_name)
    original = getattr(owner, method)

    def stops(*args: Any, **options: Any) -> Any:
        # Sent to the thread itself: sent to the process, another might take it, and this one go on for a bit.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        return original(*args, **options)

    setattr(owner, method, stops)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
