"""Every command line ends an expected error with one line and status 1."""

import pytest
import redis
import typer
from pymongo.errors import ServerSelectionTimeoutError

from bus.cli import run_cli
from bus.errors import ConfigurationError


def ending_with(error: Exception) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def run() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigurationError("JWT_SECRET is not set"), "error: JWT_SECRET is not set\n"),
        (
            ServerSelectionTimeoutError("127.0.0.1: refused, Timeout: 10s, Topology: <...>"),
            "error: WRITE_MONGODB_URI or READ_MONGODB_URI: a server cannot be reached: 127.0.0.1: refused\n",
        ),
        (redis.ConnectionError("refused"), "error: REDIS_URL: a server cannot be reached: refused\n"),
    ],
    ids=["ours", "mongodb", "redis"],
)
def test_what_is_to_be_expected_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(SystemExit) as ended:
        run_cli(ending_with(error))
    assert ended.value.code == 1
    assert capsys.readouterr().err == line


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(ZeroDivisionError):
        run_cli(ending_with(ZeroDivisionError()))
