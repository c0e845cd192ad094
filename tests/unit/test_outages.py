"""Which errors say that a server is away, and that it is told once."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import structlog
from dramatiq.errors import ConnectionClosed
from pymongo import errors

from bus.errors import VersionConflictError
from bus.observability import logs, outages
from bus.observability.outages import Dependency, Outages, server_away
from write_side.errors import EarlierUnfinishedError
from write_side.handling.transience import is_transient

NOT_PRIMARY, STEPPED_DOWN, INTERRUPTED, STOPPING, DUPLICATE, TOO_LARGE = 10107, 189, 11602, 91, 11000, 10334


def bulk(*codes: int, concern: int | None = None) -> errors.BulkWriteError:
    concerns = [] if concern is None else [{"code": concern, "errmsg": ""}]
    writes = [{"index": i, "code": code, "errmsg": ""} for i, code in enumerate(codes)]
    return errors.BulkWriteError({"writeErrors": writes, "writeConcernErrors": concerns})


@pytest.mark.parametrize(
    "error",
    [
        errors.AutoReconnect("gone"),
        errors.NetworkTimeout("silent"),
        errors.NotPrimaryError("an election"),
        errors.ServerSelectionTimeoutError("nobody"),
        errors.ExecutionTimeout("too slow", 50),
        errors.WriteConcernError("not yet", 64),
        errors.CursorNotFound("forgotten", 43),
        *(errors.OperationFailure("", code) for code in (NOT_PRIMARY, STEPPED_DOWN, INTERRUPTED, STOPPING)),
        errors.OperationFailure("", 1, {"errorLabels": ["RetryableWriteError"]}),
        errors.OperationFailure("the disk is full", 14031),
        *(bulk(code) for code in (NOT_PRIMARY, STEPPED_DOWN, INTERRUPTED, STOPPING, 11600)),
        bulk(DUPLICATE, INTERRUPTED),
        bulk(concern=STOPPING),
        bulk(DUPLICATE, concern=64),
    ],
)
def test_mongodb_in_no_state_to_serve_says_nothing_about_a_command(error: Exception) -> None:
    assert server_away(error) is Dependency.MONGODB
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        bulk(DUPLICATE),
        bulk(TOO_LARGE),
        errors.DuplicateKeyError("", DUPLICATE),
        errors.DocumentTooLarge("as it is"),
        errors.OperationFailure("no such operator", 2),
        errors.InvalidOperation("no writes"),
        ValueError("no event"),
    ],
)
def test_what_is_about_the_command_counts_against_it(error: Exception) -> None:
    assert server_away(error) is None
    assert not is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("silent"),
        redis.BusyLoadingError("loading its file"),
        redis.ReadOnlyError("a replica now"),
        redis.ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed"),
        redis.ResponseError("Error running script: @user_script:3: -READONLY You can't write"),
        redis.exceptions.MasterDownError("Link with MASTER is down"),
        redis.OutOfMemoryError("full"),
        redis.ResponseError("MISCONF Errors writing to the AOF file"),
        redis.ResponseError("BUSY Redis is busy running a script"),
        ConnectionClosed(redis.ConnectionError("refused")),
    ],
)
def test_redis_in_no_state_to_serve(error: Exception) -> None:
    assert server_away(error) is Dependency.REDIS


def test_a_wrong_question_is_not_an_outage() -> None:
    assert server_away(redis.ResponseError("WRONGTYPE Operation against a key")) is None


def test_losing_a_race_passes() -> None:
    assert is_transient(VersionConflictError())
    assert is_transient(EarlierUnfinishedError())


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What a process logs; the tests' own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers, root.level, structlog.get_config()
    stream = io.StringIO()
    logs.configure("INFO", stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**configured)


def events(said: io.StringIO) -> list[tuple[str, str | None]]:
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.getvalue().splitlines()]
    return [(line["event"], line.get("server")) for line in lines]


class Mongod:
    """Answers once it is up."""

    up = False

    def ping(self) -> None:
        if not self.up:
            raise errors.AutoReconnect("gone")


def test_an_outage_is_one_line_when_it_begins_and_one_when_it_is_over(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "QUIET_S", 0.0)
    mongod = Mongod()
    known = Outages({Dependency.MONGODB: mongod.ping}, threading.Event())
    threads = [
        threading.Thread(target=known.noticed, args=(errors.AutoReconnect("gone"),)) for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known.look()
    assert events(said) == [("a server is away", "MongoDB")]

    mongod.up = True
    known.look()
    known.look()
    assert events(said)[1:] == [("a server is back", "MongoDB")]

    assert known.noticed(errors.AutoReconnect("gone"))
    assert events(said)[2:] == [("a server is away", "MongoDB")]


def test_as_long_as_somebody_meets_errors_it_is_not_over(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "QUIET_S", 3_600.0)
    mongod = Mongod()
    mongod.up = True
    known = Outages({Dependency.MONGODB: mongod.ping}, threading.Event())
    known.noticed(errors.AutoReconnect("gone"))
    known.look()
    assert events(said) == [("a server is away", "MongoDB")]


def test_a_slow_query_is_not_an_outage_and_is_logged_where_it_happens(said: io.StringIO) -> None:
    mongod = Mongod()
    mongod.up = True
    known = Outages({Dependency.MONGODB: mongod.ping}, threading.Event())
    assert not known.noticed(errors.NetworkTimeout("slow"))
    assert not known.noticed(errors.ExecutionTimeout("slow", 50))
    assert events(said) == []

    mongod.up = False
    assert known.noticed(errors.NetworkTimeout("silent"))
    assert events(said) == [("a server is away", "MongoDB")]


def test_what_an_error_was_raised_from_counts_and_others_do_not() -> None:
    known = Outages({}, threading.Event())
    unfinished = EarlierUnfinishedError("k1")
    unfinished.__cause__ = errors.AutoReconnect("gone")
    assert known.noticed(unfinished)
    assert not known.noticed(ValueError("mine"))


def test_dramatiq_is_not_heard_about_outages_but_about_all_else(said: io.StringIO) -> None:
    known = Outages({}, threading.Event())
    logs.leave_out(known.noticed)
    consumer = logging.getLogger("dramatiq.worker.ConsumerThread(commands)")
    worker = logging.getLogger("dramatiq.worker.WorkerThread")
    for _ in range(12):
        consumer.critical("Consumer encountered a connection error: %s", ConnectionClosed("refused"))
        worker.error("Failed to process message %s", "m1", exc_info=errors.AutoReconnect("gone"))
    worker.error("Failed to process message %s", "m2", exc_info=ValueError("mine"))
    assert events(said) == [
        ("a server is away", "Redis"),
        ("a server is away", "MongoDB"),
        ("Failed to process message m2", None),
    ]
