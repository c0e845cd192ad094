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


class Shop:
    """A DATA_DIR, a free port, and runners started on them."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = next(ports.candidates())
        self.output = data_dir / "output"
        self.runner: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, terminal: bool = False, **processes: str) -> subprocess.Popen[str]:
        """Start a runner, on a terminal or not; each process is the text of a Python program."""
        for name, program in processes.items():
            (self.data_dir / f"{name}.py").write_text(program)
        procfile = self.data_dir / "Procfile"
        lines = [f"{name}: exec python '{self.data_dir / name}.py'\n" for name in processes]
        procfile.write_text("".join(lines))
        with self._terminal() if terminal else self.output.open("w") as output:
            self.runner = subprocess.Popen(
                [sys.executable, "-m", "api", "run", "--procfile", str(procfile), *arguments],
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
        return self.output.read_text()

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
        works_in = {Path(f"/proc/{pid}/cwd").readlink(): pid for pid in self.pids()}
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
