"""Builds: this revision and another one, each on a stage of its own, and each fed by its own code.

The other revision's files are taken from git into a temporary folder. Its processes run there, with this
interpreter and what is installed for it.
"""

import json
import select
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bus.primitives.parent_death import dies_with_parent
from tests.benchmarks import feeder
from tests.benchmarks.stage import Stage
from tests.support.processes import ROOT

PATIENCE_S = 900.0
"""How long a call may take: a log of 100,000 orders is written within a minute, placed within five."""
END_S = 10.0
RUN = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
"""``sys.path`` then begins with the folder that the feeder runs in, not with the one that its file is in."""


class RevisionError(Exception):
    """The other revision cannot do what is to be measured."""


class FeederError(Exception):
    """What a feeder was asked to do ended in an error, or the feeder did."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, by its short id, in a repository on this machine."""

    name: str
    repository: Path = ROOT

    @classmethod
    def parse(cls, text: str, repository: Path = ROOT) -> Self:
        """Raises ``ValueError`` if git knows no such commit."""
        command = [
            "git",
            "rev-parse",
            "--short",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{text}^{{commit}}",
        ]
        found = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        if found.returncode:
            raise ValueError(f"git knows no commit {text!r}")
        return cls(found.stdout.strip(), repository)

    @contextmanager
    def checked_out(self) -> Iterator[Path]:
        """Its files, in a folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix=f"twofold-{self.name}-") as folder:
            archive = Path(folder, "files.tar")
            command = ["git", "archive", "--format=tar", f"--output={archive}", self.name]
            subprocess.run(command, cwd=self.repository, check=True)
            root = Path(folder, "files")
            with tarfile.open(archive) as files:
                files.extractall(root, filter="data")
            yield root


class Build:
    """One revision on its stage. What a call raises in the feeder is a ``FeederError`` here."""

    def __init__(self, name: str, stage: Stage) -> None:
        self.name = name
        self.stage = stage
        self._log = (stage.folder / "feeder.log").open("ab")
        self._feeder = subprocess.Popen(
            dies_with_parent([sys.executable, "-c", RUN, feeder.__file__]),
            cwd=stage.root,
            env=stage.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def close(self) -> None:
        """The feeder ends when its input does."""
        assert self._feeder.stdin is not None
        assert self._feeder.stdout is not None
        self._feeder.stdin.close()
        try:
            self._feeder.wait(END_S)
        except subprocess.TimeoutExpired:
            self._feeder.kill()
            self._feeder.wait()
        self._feeder.stdout.close()
        self._log.close()

    def found(self) -> None:
        self._call("found")

    def place(self, orders: int, begin: Callable[[], None] = lambda: None) -> float:
        """Handle so many orders and show them; return the seconds that it took."""
        return float(self._call("place", begin, orders=orders))

    def until_done(self) -> None:
        self._call("until_done")

    def verify(self) -> None:
        self._call("verify")

    def redis_bytes_per_waiting(self, commands: int) -> float:
        return float(self._call("redis_bytes_per_waiting", commands=commands))

    def write_log(self, orders: int) -> int:
        """A log apart from the system's; return how many commits it has."""
        return int(self._call("write_log", orders=orders))

    def rebuild(self) -> float:
        """Fill the read models from that log; return the seconds."""
        return float(self._call("rebuild"))

    def drop_log(self) -> None:
        self._call("drop_log")

    def _call(self, name: str, begin: Callable[[], None] = lambda: None, **arguments: int) -> Any:
        """Raises ``FeederError`` if the feeder raised, ended, or does not answer."""
        self._write({"call": name, "arguments": arguments})
        answer = self._read(name)
        if "began" in answer:
            begin()
            self._write({})
            answer = self._read(name)
        if "raised" in answer:
            raise FeederError(f"{self.name}, {name}: {answer['raised']}")
        return answer["returned"]

    def _write(self, message: Any) -> None:
        assert self._feeder.stdin is not None
        try:
            self._feeder.stdin.write(json.dumps(message).encode() + b"\n")
            self._feeder.stdin.flush()
        except OSError as error:
            raise FeederError(f"{self.name}: the feeder has ended\n{self._tail()}") from error

    def _read(self, name: str) -> Any:
        """One line. The feeder writes whole lines, and one only when it has been asked."""
        assert self._feeder.stdout is not None
        ready, _, _ = select.select([self._feeder.stdout], [], [], PATIENCE_S)
        if not ready:
            raise FeederError(f"{self.name}, {name}: no answer within {PATIENCE_S:g} s")
        line = self._feeder.stdout.readline()
        if not line:
            raise FeederError(f"{self.name}, {name}: the feeder has ended\n{self._tail()}")
        return json.loads(line)

    def _tail(self) -> str:
        return "\n".join(Path(self._log.name).read_text(errors="replace").splitlines()[-8:])
