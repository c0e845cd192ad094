"""Runs the Procfile's processes by honcho, and leaves none of them behind.

honcho passes SIGTERM on and kills what is left 5 s after the first exit. But it waits for ever when
nothing exits, and when honcho itself is killed its processes go on. So each process carries a mark
in its environment. By the mark the runner finds in ``/proc`` what is left, and kills each by its
own pid. Other systems have no ``/proc``: there it kills only honcho's own group.
"""

import importlib.util
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Self

from bus.errors import ServerUnavailableError
from bus.primitives.parent_death import dies_with_parent

STOP_S = 5.5
"""The seconds that honcho has to stop: its own 5 s and a little."""
LEFTOVERS_S = 0.5
POLL_S = 0.02


class Processes:
    """Starts the Procfile, and stops it on leaving, within ``STOP_S + LEFTOVERS_S``.

    Enter it before ``start``: then a signal that comes during ``start`` leaves nothing behind.
    """

    def __init__(self, procfile: Path, root: Path, environ: Mapping[str, str]) -> None:
        self._procfile = procfile.resolve()
        self._root = root
        self._mark = f"TWOFOLD_RUN={uuid.uuid4().hex}"
        name, value = self._mark.split("=")
        self._environ = {**environ, name: value}
        self._honcho: subprocess.Popen[bytes] | None = None

    def wait(self, seconds: float) -> int | None:
        """Return the exit status once they have ended; None if they still run after ``seconds``."""
        if self._honcho is not None:
            with suppress(subprocess.TimeoutExpired):
                return self._honcho.wait(seconds)
        return None

    def __enter__(self) -> Self:
        return self

    def start(self) -> None:
        """Start honcho; raises ServerUnavailableError if it is not installed."""
        if importlib.util.find_spec("honcho") is None:
            raise ServerUnavailableError("honcho is not installed: run pip install -e '.[local]'")
        # Without --env honcho would let a .env file override what the servers' addresses are.
        honcho = [sys.executable, "-m", "honcho", "--env", os.devnull, "start", "-f", str(self._procfile)]
        self._honcho = subprocess.Popen(  # noqa: S603 - our own interpreter and Procfile
            dies_with_parent(honcho, on_death=SIGTERM),
            cwd=self._root,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __exit__(self, *_: object) -> None:
        if self._honcho is not None:
            self._honcho.terminate()
            if self.wait(STOP_S) is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._honcho.pid, SIGKILL)
        deadline = time.monotonic() + LEFTOVERS_S
        while left := self._left():  # looked for by the mark: also a honcho that has just been started
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGKILL)
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        if self._honcho is not None:
            self._honcho.wait()

    def _left(self) -> list[int]:
        mark = self._mark.encode()
        left = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # gone meanwhile, or somebody else's
                if mark in environ.read_bytes().split(b"\0"):
                    left.append(int(environ.parent.name))
        return left
