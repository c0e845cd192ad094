"""An interruption is told once when it begins and once when it ends, however many tries there are between."""

from collections.abc import Iterator

import pytest
import redis
import structlog.testing
from pymongo.errors import AutoReconnect

from bus.observability.interruption import Interruption

Logged = list[structlog.typing.EventDict]
GONE, SILENT = AutoReconnect("gone"), redis.TimeoutError("silent")


@pytest.fixture
def logged() -> Iterator[Logged]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def attempt(interruption: Interruption, error: Exception | None = None) -> None:
    with interruption:
        if error is not None:
            raise error


def test_it_is_told_once_each_time(logged: Logged) -> None:
    interruption = Interruption("away", "back")
    for error in (None, GONE, SILENT, GONE, None, None, SILENT):
        attempt(interruption, error)
    assert logged == [
        {"event": "away", "log_level": "warning", "error": GONE},
        {"event": "back", "log_level": "info"},
        {"event": "away", "log_level": "warning", "error": SILENT},
    ]
    assert interruption.is_on


def test_its_end_may_be_nothing_to_tell(logged: Logged) -> None:
    interruption = Interruption("away")
    for error in (GONE, None, GONE):
        attempt(interruption, error)
    assert [line["event"] for line in logged] == ["away", "away"]


def test_other_errors_are_not_its_business(logged: Logged) -> None:
    interruption = Interruption("away", "back")
    with pytest.raises(ValueError, match="mine"):
        attempt(interruption, ValueError("mine"))
    attempt(interruption, GONE)
    with pytest.raises(ValueError, match="mine"):
        attempt(interruption, ValueError("mine"))
    assert interruption.is_on
    assert [line["event"] for line in logged] == ["away"]
