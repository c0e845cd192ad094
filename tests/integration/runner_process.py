"""A runner on a data directory and a port of its own, and every process that belongs to it."""

import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import IO

from api.local import ports
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
END_S = 10
PATIENT = """
from api.__main__ import main
from api.local import runner
runner.QUIET_S = {seconds}
main()
"""


def draw_ports(data_dir: Path) -> None:
    """Let the servers have ports of this process's own, as if they had had them last time.

    A runner would draw them from all that there are: also one that somebody else has drawn and not taken yet.
    """
    for server in ("redis", "mongod"):
        (data_dir / f"{server}.port").write_text(str(next(ports.candidates())))


class Shop:
    """A DATA_DIR, a free port, and runners started on them."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = next(ports.candidates())
        self.output = data_dir / "output"
        self.runner: subprocess.Popen[str] | None = None

    def run(
        self, *arguments: str, terminal: bool = False, quiet_s: float | None = None, **processes: str
    ) -> subprocess.Popen[str]:
        """Start a runner, on a terminal or not; each process is the text of a Python program.

        ``quiet_s`` is how long the runner waits for the first lines of the processes, if not its own time.
        """
        for name, program in processes.items():
            (self.data_dir / f"{name}.py").write_text(program)
        procfile = self.data_dir / "Procfile"
        lines = [f"{name}: exec python '{self.data_dir / name}.py'\n" for name in processes]
        procfile.write_text("".join(lines))
        draw_ports(self.data_dir)
        api = ["-m", "api"] if quiet_s is None else ["-c", PATIENT.format(seconds=quiet_s)]
        with self._terminal() if terminal else self.output.open("w") as output:
            self.runner = subprocess.Popen(
                [sys.executable, *api, "run", "--procfile", str(procfile), *arguments],
                cwd=ROOT,
                env=os.environ
                | {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), "JWT_PUBLIC_KEY": "unused"},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self.runner

    def _terminal(self) -> IO[str]:
        """A terminal; what is written to it comes into the file as well."""
        ours, theirs = pty.openpty()
        self.output.touch()
        threading.Thread(target=self._copy, args=(ours,), daemon=True).start()
        return os.fdopen(theirs, "w")

    def _copy(self, terminal: int) -> None:
        with self.output.open("ab", buffering=0) as output, suppress(OSError):  # nobody has it open any more
            while shown := os.read(terminal, 65_536):
                output.write(shown)
        os.close(terminal)

    def said(self) -> str:
        return self.output.read_text(errors="replace")  # half a character may have come so far

    def pids(self) -> list[int]:
        """Whatever has this DATA_DIR in its environment, or works in it."""
        mark = f"DATA_DIR={self.data_dir}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # gone meanwhile
                # Redis writes its title over its environment, so that only its folder tells.
                marked = mark in (process / "environ").read_bytes().split(b"\0")
                if marked or (process / "cwd").readlink().is_relative_to(self.data_dir):
                    found.append(int(process.name))
        return sorted(found)

    def pid_of(self, server: str) -> int:
        """The embedded server that runs in this data directory."""
        works_in = {}
        for pid in self.pids():
            with suppress(OSError):  # gone meanwhile
                works_in[Path(f"/proc/{pid}/cwd").readlink()] = pid
        return works_in[self.data_dir / server]

    def end(self) -> None:
        """Kill what a failed test has left."""
        if self.runner is not None:
            self.runner.kill()
            self.runner.wait()
        until(self._killed, END_S, "nothing is left")

    def _killed(self) -> bool:
        left = self.pids()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        return not left
