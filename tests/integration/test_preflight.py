"""Commands that need several servers, one of which is not there or answers late."""

import os
import signal
import threading

import pytest

from api.local.mongod import Mongod
from api.local.redis_server import RedisServer
from bus.connections import preflight
from bus.connections.preflight import settings_with_servers
from bus.primitives.termination import SIGNALS
from bus.settings import Settings
from tests.support.command_line import APPS, CommandLine

LATE_S = 1.0


@pytest.fixture
def cli(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(settings, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("line", "variable", "address"),
    [
        ("bus queues", "REDIS_URL", "redis://:secret@127.0.0.1:1"),
        ("bus queues", "READ_MONGODB_URI", "mongodb://127.0.0.1:1"),
        ("read_side status", "READ_MONGODB_URI", "mongodb://127.0.0.1:1"),
        ("read_side parked", "READ_MONGODB_URI", "mongodb://127.0.0.1:1"),
        ("read_side audit", "READ_MONGODB_URI", "mongodb://127.0.0.1:1"),
        ("read_side generations", "READ_MONGODB_URI", "mongodb://127.0.0.1:1"),
        ("read_side rebuild products", "READ_MONGODB_URI", "mongodb://127.0.0.1:1"),
    ],
)
def test_the_one_that_is_away_is_named(cli: CommandLine, line: str, variable: str, address: str) -> None:
    cli.set(variable, address)
    package, _, command = line.partition(" ")
    done = cli(APPS[package], command)
    assert (done.status, done.out) == (1, "")
    assert done.err == f"error: {variable}: a server cannot be reached: 127.0.0.1:1: Connection refused\n"


def test_servers_that_answer_late_are_waited_for(
    cli: CommandLine, mongo_server: Mongod, redis_server: RedisServer
) -> None:
    """A stopped process goes on accepting connections, as one that is busy does."""
    pids = [pid for pid in (mongo_server.pid, redis_server.pid) if pid is not None]
    assert len(pids) == 2

    def go_on() -> None:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    later = threading.Timer(LATE_S, go_on)
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        later.start()
        assert settings_with_servers("WRITE_MONGODB_URI", "READ_MONGODB_URI", "REDIS_URL")
    finally:
        later.join()
        go_on()


def test_the_threads_of_the_question_are_given_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's threads outlive it: one of them would take the signal that is to stop the command."""
    held_back: list[int] = []

    def ask(_uri: str) -> None:
        held_back.extend(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    monkeypatch.setattr(preflight, "_ask_mongodb", ask)
    settings_with_servers("WRITE_MONGODB_URI")
    assert set(held_back) >= SIGNALS
