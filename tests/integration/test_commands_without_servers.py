"""Commands whose servers are not there, or whose variables lead nowhere; and servers that are only slow."""

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pymongo.errors import AutoReconnect, OperationFailure

from api.client.errors import ServiceError
from api.client.sender import connect
from bus.cli import run_cli
from bus.connections import preflight
from bus.connections.preflight import refusals
from bus.errors import ServerUnavailableError
from bus.settings import Settings
from tests.support.command_line import ALL, APPS, LASTING, OF_THE_API, ONE_SHOT
from tests.support.processes import ROOT

REFUSED = "127.0.0.1:1: Connection refused"
WRONG = ["127.0.0.1:6379", "http://127.0.0.1:6379", "redis://127.0.0.1:", "redis://:secret@"]


@pytest.fixture
def listening() -> Iterator[tuple[str, int]]:
    """Where a server accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def run(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, str, str]:
    """Run a command here; return how it ended and what it wrote."""
    package, *words = shlex.split(line)
    monkeypatch.setattr("sys.argv", [package, *words])
    with pytest.raises(SystemExit) as ended:
        run_cli(APPS[package])
    return ended.value.code, *capsys.readouterr()


def test_every_command_is_known_here() -> None:
    groups = {*APPS, "bus dead"}
    without_servers = {"api openapi", "bus schema", "bus schema check"}
    assert {*ALL} - groups == {*ONE_SHOT, *LASTING, *OF_THE_API, *without_servers}


@pytest.mark.parametrize(("name", "arguments"), ONE_SHOT.items())
def test_a_command_without_its_server_names_the_variable_and_the_address(
    name: str, arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WRITE_MONGODB_URI", "mongodb://ann:secret@127.0.0.1:1")
    assert run(f"{name} {arguments}", monkeypatch, capsys) == (
        1,
        "",
        f"error: WRITE_MONGODB_URI: a server cannot be reached: {REFUSED}\n",
    )


def test_a_variable_that_is_not_set_is_named_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(uri: str) -> None:
        raise ServerUnavailableError(uri)

    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(preflight, "_ask_mongodb", away)
    _, _, said = run("write_side log", monkeypatch, capsys)
    assert said.startswith(f"error: WRITE_MONGODB_URI (not set, and no `make run` goes on in {tmp_path}): ")


def test_clients_of_the_api_name_how_they_came_by_its_address() -> None:
    settings = Settings(jwt_secret="s" * 32, api_port=1)
    with pytest.raises(ServiceError, match=f"^API_PORT: the API cannot be reached: {REFUSED}$"):
        connect(settings, None, "demo")
    with pytest.raises(ServiceError, match=f"^--url: the API cannot be reached: {REFUSED}$"):
        connect(settings, "http://127.0.0.1:1", "demo")


@pytest.mark.parametrize("url", WRONG)
@pytest.mark.parametrize(("name", "arguments"), {**ONE_SHOT, **OF_THE_API}.items())
def test_a_wrong_address_is_refused_by_every_command(
    name: str,
    arguments: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    code, out, said = run(f"{name} {arguments}", monkeypatch, capsys)
    assert (code, out) == (1, "")
    assert said.startswith(
        ("error: REDIS_URL: must begin with one of redis://", "error: REDIS_URL: needs HOST")
    )
    assert "secret" not in said


@pytest.mark.parametrize("name", sorted(LASTING))
def test_a_wrong_address_is_refused_by_every_process(name: str) -> None:
    arguments = ("products", "1") if name == "read_side carry-out-rebuild" else ()
    done = subprocess.run(
        [sys.executable, "-m", *name.split(), *arguments],
        cwd=ROOT,
        env={**os.environ, "REDIS_URL": "127.0.0.1:6379"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: REDIS_URL: must begin with one of redis://")


def test_only_what_is_certain_of_all_addresses_is_a_refusal(
    listening: tuple[str, int], tmp_path: Path
) -> None:
    nobody, missing = ("127.0.0.1", 1), (str(tmp_path / "socket"), None)
    assert refusals([nobody, missing]) == [REFUSED, f"{missing[0]}: No such file or directory"]
    assert refusals([nobody, listening]) == []
    assert refusals([]) == []


@pytest.mark.parametrize("error", [AutoReconnect("no primary"), redis.BusyLoadingError("loading")])
def test_a_server_that_is_slow_or_fails_over_is_asked_again(
    error: Exception, listening: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "FIRST_S", 0.01)
    waits: list[float] = []

    def ask(within_s: float) -> None:
        waits.append(within_s)
        if len(waits) < 3:
            raise error

    preflight._until_answered(ask, lambda: [listening])
    assert waits == pytest.approx([0.01, 0.03, 0.09])


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("Authentication failed.", 18),
        redis.AuthenticationError("invalid password"),
        redis.ResponseError("no permissions"),
    ],
)
def test_a_server_that_does_not_let_in_is_asked_once(error: Exception, listening: tuple[str, int]) -> None:
    waits: list[float] = []

    def ask(within_s: float) -> None:
        waits.append(within_s)
        raise error

    with pytest.raises(ServerUnavailableError, match=rf"^127\.0\.0\.1:{listening[1]}: \w+"):
        preflight._until_answered(ask, lambda: [listening])
    assert len(waits) == 1


def test_a_server_that_never_answers_is_told_with_its_address(
    listening: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = listening
    monkeypatch.setattr(preflight, "BOUND_S", 0.0)
    monkeypatch.setenv("REDIS_URL", f"redis://:secret@{host}:{port}")
    with pytest.raises(ServerUnavailableError) as told:
        preflight.settings_with_servers("REDIS_URL")
    assert str(told.value).startswith(f"REDIS_URL: a server cannot be reached: {host}:{port}: Timeout")
