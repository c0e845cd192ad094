"""Whether a server answers is asked by one caller for all, with a deadline of its own."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pymongo
import pytest
from pymongo import errors

from bus.connections import liveness as liveness_module
from bus.connections.liveness import ServerLiveness, is_perhaps_slow
from tests.support.waiting import until


@pytest.mark.parametrize(
    "error",
    [
        errors.NetworkTimeout("silent"),
        errors.ExecutionTimeout("too slow", 50),
        errors.WaitQueueTimeoutError("no connection"),
    ],
)
def test_what_took_too_long_may_be_slow_alone(error: Exception) -> None:
    assert is_perhaps_slow(error)


@pytest.mark.parametrize(
    "error", [errors.AutoReconnect("gone"), errors.ServerSelectionTimeoutError("nobody"), ValueError("mine")]
)
def test_other_errors_are_about_something_else(error: Exception) -> None:
    assert not is_perhaps_slow(error)


def test_a_server_answers_unless_asking_raises() -> None:
    def silent() -> None:
        raise errors.NetworkTimeout("silent")

    assert ServerLiveness(lambda: None).answers()
    assert not ServerLiveness(silent).answers()


def test_the_deadline_of_the_caller_does_not_count() -> None:
    deadlines = []

    def ask() -> None:
        left = pymongo._csot.remaining()
        assert left is not None
        deadlines.append(left)

    with pymongo.timeout(0.001):
        time.sleep(0.002)  # the query has used it up
        assert ServerLiveness(ask, within_s=30).answers()
    assert 20 < deadlines[0] <= 30


class Clock:
    """A time that a test sets, and how often it was looked at."""

    def __init__(self) -> None:
        self.now = 100.0
        self.looks: list[float] = []

    def monotonic(self) -> float:
        self.looks.append(self.now)
        return self.now


def test_callers_that_come_together_share_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock tells who has come: a thread that runs may not have got so far."""
    clock = Clock()
    monkeypatch.setattr(liveness_module, "time", clock)
    asked, go_on = [], threading.Event()

    def ask() -> None:
        asked.append(1)
        assert go_on.wait(20)

    liveness = ServerLiveness(ask)
    with ThreadPoolExecutor(8) as callers:
        told = [callers.submit(liveness.answers) for _ in range(8)]
        try:
            until(lambda: len(clock.looks) == 8 and asked, 20, "all have come, and one asks")
            clock.now += 1
        finally:
            go_on.set()
        assert all(one.result(20) for one in told)
    assert len(asked) == 1
    clock.now += 1
    assert liveness.answers()
    assert len(asked) == 2, "one who comes after the answer asks again"
