"""The Procfile's processes one by one, so that a test can stop, kill and restart each by its name."""

import subprocess
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from bus.primitives.parent_death import dies_with_parent

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 30.0
"""Several times what is promised (``tests/e2e/test_stops.py``): for a slow machine, and still no hanging."""
TAIL_LINES = 30


class Process:
    """One line of the Procfile. Its output is kept in a file."""

    def __init__(self, name: str, command: str, environ: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environ = environ
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._running.pid if self._running is not None and self._running.poll() is None else None

    def start(self) -> None:
        """Start it, again if it has ended; what it needs time for is not awaited."""
        if self.pid is not None:
            return
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                dies_with_parent(["/bin/sh", "-c", self._command]),
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def terminate(self) -> None:
        """Tell it to drain and do not wait for it."""
        if self._running is not None:
            self._running.terminate()

    def stop(self) -> int | None:
        """Let it drain; return its exit status. Raises ``TimeoutExpired`` if it does not end."""
        return self._end(SIGTERM)

    def ended(self, seconds: float) -> int:
        """The exit status, within a time; raises ``TimeoutExpired`` if it goes on running."""
        assert self._running is not None
        return self._running.wait(seconds)

    @property
    def holds_signals_back(self) -> bool:
        """Whether it has come so far that a SIGTERM no longer simply ends it."""
        if self.pid is None:
            return False
        status = Path(f"/proc/{self.pid}/status").read_text()
        (blocked,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
        return bool(int(blocked, 16) & 1 << SIGTERM - 1)

    def kill(self) -> None:
        """``kill -9``."""
        self._end(SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def tail(self) -> str:
        """The end of its output."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.name}", *lines[-TAIL_LINES:]])

    def _end(self, how: Signals) -> int | None:
        running, self._running = self._running, None
        if running is None:
            return None
        running.send_signal(how)
        try:
            return running.wait(STOP_S)
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()


def is_stopped(pid: int) -> bool:
    """Whether every thread of a process has stopped: some run on for a moment after a SIGSTOP."""
    stats = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)
