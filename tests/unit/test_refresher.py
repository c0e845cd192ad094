"""Looking something up again and again: whatever a look raises, the thread goes on until it is stopped."""

import threading
from collections.abc import Callable

import pytest
from pymongo.errors import AutoReconnect
from structlog.testing import capture_logs

from api.middleware.refresher import Refresher
from tests.support.waiting import until

SOON_S = 20.0
NEVER_S = 3_600.0


def refresher(look: Callable[[], None], every_s: float = NEVER_S) -> Refresher:
    return Refresher("list", look, every_s, pauses_s=(0.01, 0.02), told=("no list", "a list"))


def test_looks_that_fail_are_told_once_and_tried_again() -> None:
    come_to = [None, AutoReconnect("gone"), ValueError("unforeseen"), RuntimeError("too"), None, None]
    last = threading.Event()

    def look() -> None:
        result = come_to.pop(0) if come_to else None
        if result is not None:
            raise result
        if not come_to:
            last.set()

    with capture_logs() as logged:
        looking = refresher(look, 0.01)
        looking.start()
        assert last.wait(SOON_S)
        looking.stop()
    assert [entry["event"] for entry in logged] == ["no list", "a list"]
    until(lambda: not looking.thread.is_alive(), SOON_S, "its end")


def test_a_look_that_is_asked_for_during_another_comes_after_it() -> None:
    """So it shows what was there when it was asked for."""
    looks: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def look() -> None:
        looks.append(len(looks))
        begun.set()
        go_on.wait(SOON_S)

    looking = refresher(look)
    starting = threading.Thread(target=looking.start)
    starting.start()
    assert begun.wait(SOON_S)
    looking.look_now()
    looking.look_now()
    go_on.set()
    until(lambda: len(looks) == 2, SOON_S, "a second look")
    starting.join()
    looking.stop()
    until(lambda: not looking.thread.is_alive(), SOON_S, "its end")
    assert len(looks) == 2


def test_it_is_stopped_during_a_pause_of_any_length() -> None:
    looking = refresher(lambda: None)
    looking.start()
    looking.stop()
    until(lambda: not looking.thread.is_alive(), SOON_S, "its end")


@pytest.mark.parametrize(
    ("failed", "least", "most"), [(1, 0.5, 1), (2, 1, 2), (5, 8, 16), (6, 15, 30), (99, 15, 30)]
)
def test_pauses_grow(failed: int, least: float, most: float) -> None:
    looking = Refresher("list", lambda: None, NEVER_S, pauses_s=(1.0, 30.0), told=("", ""))
    assert all(least <= looking._pause_s(failed) <= most for _ in range(50))
