"""One embedded server as a child process: starts it on a free port, awaits, stops and kills it.

The port is only known to be free, not reserved. If somebody else takes it first, the server is
started again on another port. Once started, a server keeps its port and its data directory for
good: ``kill()`` and ``start()`` are a crash and a recovery. It runs in a session of its own. So
Ctrl-C in a terminal does not reach it before the processes that use it have finished. It ends with
its parent (``bus.primitives.parent_death``).

A guarded server lets in only clients that know its secret. It gets the secret by a file or by its
standard input, because everybody on the machine can read a command line.
"""

import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from signal import SIGKILL
from typing import ClassVar, Self

from api.local import ports
from api.local.kept_secret import kept_secret
from bus.errors import ServerUnavailableError
from bus.primitives.parent_death import dies_with_parent

POLL_S = 0.02
TAIL_LINES = 8


class _PortTakenError(Exception):
    """Somebody else took the port first."""


class ServerProcess(ABC):
    """A server with its data in ``data_dir / name`` and its log in ``data_dir / name.log``."""

    name: ClassVar[str]
    start_s: ClassVar[float] = 30.0
    """The seconds that it may take to become ready."""
    stop_s: ClassVar[float] = 3.0
    """The seconds that it may take to stop. Then it is killed; no acknowledged write is lost."""

    def __init__(self, data_dir: Path, *, guarded: bool = False) -> None:
        """``guarded``: make a secret at the first start, and serve only clients that know it."""
        self.directory = data_dir.resolve() / self.name
        self.log = self.directory.with_suffix(".log")
        self._guarded = guarded
        self._secret_file = self.directory.with_suffix(".secret")
        self._remembered_port = self.directory.with_suffix(".port")
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _program(self) -> Path:
        """Find the program, or raise ServerUnavailableError saying what to install or set."""

    @abstractmethod
    def _arguments(self, port: int) -> list[str]:
        """Return the program's arguments; it runs inside its data directory."""

    @abstractmethod
    def _is_ready(self, port: int, pid: int) -> bool:
        """Return True if the server that listens on ``port`` is the process ``pid``, and serves."""

    def _input(self) -> str:
        """Return the text that the server reads from its standard input."""
        return ""

    @cached_property
    def _secret(self) -> str | None:
        """The password of its clients; ``None`` if it asks for none."""
        return kept_secret(self._secret_file) if self._guarded else None

    def _tells_why(self, line: str) -> bool:  # noqa: ARG002 - for the servers that can tell
        """Return True if a log line is about an error; if no line is, the last ones are shown."""
        return True

    @property
    def port(self) -> int:
        if self._port is None:
            raise ServerUnavailableError(f"{self.name} has not been started")
        return self._port

    @property
    def pid(self) -> int | None:
        """The process id while it runs; ``None`` if it does not."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server and return when it serves; do nothing if it is running.

        Raises:
            ServerUnavailableError: there is no program for it, or it did not come up; with its
                log's end.

        """
        if self.pid is not None:
            return
        program = self._program()
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._port is None:
            self.log.unlink(missing_ok=True)
        tried = [self._port] if self._port is not None else ports.candidates(self._remembered_port)
        self._process, self._port = self._launch_on_one_of(tried, program)
        self._remembered_port.write_text(str(self._port))

    def stop(self) -> None:
        """Tell the server to stop, and kill it if it still runs after ``stop_s``."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(self.stop_s)
        except subprocess.TimeoutExpired:
            _kill(process)

    def kill(self) -> None:
        """Kill it as ``kill -9`` does, for tests of what survives a crash."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch_on_one_of(self, tried: Iterable[int], program: Path) -> tuple[subprocess.Popen[bytes], int]:
        port = None
        for port in tried:
            with suppress(_PortTakenError):
                return self._launch(program, port), port
        raise ServerUnavailableError(f"{self.name} found no free port (the last tried was {port})")

    def _launch(self, program: Path, port: int) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            log_start = log.tell()
            process = subprocess.Popen(  # noqa: S603 - a program of our choice, without a shell
                dies_with_parent([str(program), *self._arguments(port)]),
                cwd=self.directory,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            with suppress(BrokenPipeError), process.stdin:  # type: ignore[union-attr]  # which is a pipe
                process.stdin.write(self._input().encode())  # type: ignore[union-attr]
            self._await(process, port, log_start)
        except BaseException:  # Ctrl-C included
            _kill(process)
            raise
        return process

    def _await(self, process: subprocess.Popen[bytes], port: int, log_start: int) -> None:
        deadline = time.monotonic() + self.start_s
        while process.poll() is None:
            if ports.listens(port) and self._is_ready(port, process.pid):
                return
            if time.monotonic() > deadline:
                raise self._did_not_start(f"was not ready within {self.start_s:g} s", self._said(log_start))
            time.sleep(POLL_S)
        said = self._said(log_start)
        if any("address already in use" in line.lower() for line in said):
            raise _PortTakenError
        raise self._did_not_start(f"stopped at its start (status {process.returncode})", said)

    def _said(self, log_start: int) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(log_start)
            return log.read().decode(errors="replace").splitlines()

    def _did_not_start(self, how: str, said: list[str]) -> ServerUnavailableError:
        telling = [line for line in said if self._tells_why(line)] or said
        return ServerUnavailableError(
            "\n".join([f"{self.name} {how}; from {self.log}:", *telling[-TAIL_LINES:]])
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it and its forks (Redis forks to rewrite its AOF): its session is a group of its own."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
