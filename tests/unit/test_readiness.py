"""Readiness: the parts are asked by one thread, however many ask for it, and what it found gets stale."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import falcon
import pytest
from falcon import testing

from api.resources import health
from api.resources.health import Probe, ReadinessWatch, ReadyResource
from tests.support.waiting import until

PATIENCE_S = 10.0


class Part:
    """What is asked; it answers at once unless it is told to hang, and fails in the way it is told."""

    def __init__(self) -> None:
        self.asked = 0
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.failure: Exception | None = None

    def ask(self) -> str:
        self.asked += 1
        self.goes_on.wait(PATIENCE_S)
        if self.failure is not None:
            raise self.failure
        return "ok"


@contextmanager
def watched(part: Part, every_s: float) -> Iterator[ReadinessWatch]:
    watch = ReadinessWatch({"part": Probe(part.ask)}, every_s)
    assert watch.found() == {"part": "starting"}
    watch.start()
    try:
        yield watch
    finally:
        part.goes_on.set()
        watch.stop()


def until_found(watch: ReadinessWatch, said: str) -> None:
    until(lambda: watch.found() == {"part": said}, PATIENCE_S, f"the part is {said}")


def test_the_parts_are_asked_once_however_many_ask() -> None:
    part = Part()
    with watched(part, every_s=3_600) as watch:
        until_found(watch, "ok")
        for _ in range(100):
            watch.found()
        assert part.asked == 1


def test_what_was_found_gets_stale_while_the_thread_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part()
    with watched(part, every_s=0.01) as watch:
        until_found(watch, "ok")
        part.goes_on.clear()
        monkeypatch.setattr(health, "STALE_S", 0.05)
        until_found(watch, health.STALE)
        monkeypatch.setattr(health, "STALE_S", PATIENCE_S)
        part.goes_on.set()
        until_found(watch, "ok")


def test_an_error_that_nobody_foresaw_does_not_end_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part()
    part.failure = ValueError("unforeseen")
    with watched(part, every_s=0.01) as watch:
        until(lambda: part.asked > 1, PATIENCE_S, "asked again")
        monkeypatch.setattr(health, "STALE_S", 0.0)
        assert watch.found() == {"part": health.STALE}
        part.failure = None
        monkeypatch.setattr(health, "STALE_S", PATIENCE_S)
        until_found(watch, "ok")


def test_a_stale_part_that_is_needed_is_not_ready() -> None:
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    app.add_route("/", ReadyResource({"part": Probe(Part().ask)}, lambda: {"part": health.STALE}))

    answer = testing.TestClient(app).simulate_get("/")

    assert (answer.status_code, answer.json["parts"]) == (503, {"part": "stale"})
