"""The command lines as a shell runs them, in the test's own process: what they print, and how they end."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

import pytest
import typer

from bus.cli import run_cli
from bus.settings import Settings

COLUMNS = 100


@dataclass(frozen=True)
class Ended:
    """What a run came to."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """The standard output as lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """Runs them with the test's settings, on a terminal of ``COLUMNS`` columns."""

    def __init__(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("COLUMNS", str(COLUMNS))
        for name in (
            *("redis_url", "write_mongodb_uri", "write_database", "read_mongodb_uri", "read_database"),
            *("log_partitions", "sweep_after_ms"),
        ):
            self.set(name, str(getattr(settings, name)))

    def set(self, name: str, value: str) -> None:
        """Give a setting another value."""
        self._monkeypatch.setenv(name.upper(), value)

    def __call__(self, app: typer.Typer, line: str) -> Ended:
        """Run one; the line is split as a shell splits it."""
        self._monkeypatch.setattr("sys.argv", ["python -m", *shlex.split(line)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run_cli(app)
        printed = self._capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, printed.out, printed.err)
