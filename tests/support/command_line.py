"""The command lines as a shell runs them, in the test's own process: what they print, and how they end."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import typer
from pydantic import SecretStr

from api.__main__ import cli as api
from bus.__main__ import app as bus
from bus.audit_trail.actions import Action
from bus.cli import run_cli
from bus.settings import Settings
from read_side.__main__ import app as read_side
from write_side.__main__ import app as write_side

COLUMNS = 80
APPS = {"api": api, "bus": bus, "read_side": read_side, "write_side": write_side}


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for below, its in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {below}", its)


ALL = dict(found for name, app in APPS.items() for found in _commands(name, typer.main.get_command(app)))
"""Every command and group of commands, by what is typed after ``python -m``."""

ONE_SHOT = {
    **dict.fromkeys(("bus queues", "bus dead list", "bus audit-trail", "write_side log"), ""),
    **dict.fromkeys(("write_side audit", "write_side repair", "read_side status", "read_side audit"), ""),
    **dict.fromkeys(("read_side generations", "read_side parked"), ""),
    "bus dead show": "k1",
    "bus dead retry": "k1 --reason x",
    "bus dead discard": "k1 --reason x",
    "api deny": "c1",
    "write_side show": "order-1",
    "read_side use": "products.g1",
    "read_side drop": "products.g1",
    "read_side rebuild": "products",
    "read_side parked retry": "--all",
}
"""Commands that ask the servers and end, with what they want to be told."""
LASTING = {
    *("api run", "api up", "api serve", "bus clock", "read_side worker", "write_side worker"),
    "read_side carry-out-rebuild",  # for the projections' worker
}
"""Processes, which wait for their servers."""
OF_THE_API = {
    "api token": "--role staff --sub ann",
    "api demo": "",
    "api import": "none.csv --mapping none.toml",
}
"""Commands that ask no server but the API, or none."""

CHANGING = {
    "bus dead retry": Action.RETRY_DEAD,
    "bus dead discard": Action.DISCARD_DEAD,
    "read_side parked retry": Action.RETRY_PARKED,
    "read_side rebuild": Action.REBUILD,
    "read_side use": Action.USE_GENERATION,
    "read_side drop": Action.DROP_GENERATION,
    "write_side repair": Action.REPAIR_LOG,
    "api deny": Action.DENY_TOKENS,
}
"""Commands by which an operator changes something, and what the audit trail calls that."""
CHANGING_NOTHING = {
    *LASTING,
    *("bus queues", "bus audit-trail", "bus dead list", "bus dead show", "bus schema", "bus schema check"),
    *("write_side log", "write_side show", "write_side audit"),
    *("read_side status", "read_side audit", "read_side generations", "read_side parked"),
    *("api demo", "api import"),  # what they send to the API bears the name of their token
    *("api token", "api openapi"),  # which ask no server
}


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


def plain(settings: Settings, name: str) -> str:
    """A setting as the environment has it, an address with its password."""
    value = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


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
            self.set(name, plain(settings, name))

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
