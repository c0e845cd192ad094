"""Requests that wait on a real server, without a thread: who is served meanwhile, and how each wait ends."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from api.http.freshness import behind
from api.middleware import telemetry as telemetry_module
from api.server import server as server_module
from tests.integration.api.test_shedding import Fullness
from tests.integration.waiting_house import CALLERS, THREADS, House, opened
from tests.support.line import PATIENCE_S
from tests.support.waiting import until


@pytest.fixture
def house() -> Iterator[House]:
    with opened() as house:
        yield house


def test_a_hundred_wait_while_others_are_served(house: House) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(house.line()) for _ in range(CALLERS)]
        other = stack.enter_context(house.line())
        for number, line in enumerate(lines):
            line.ask(f"waiting/{number}")
        house.until_waiting(CALLERS)
        for method in ("GET", "POST", "GET"):
            other.ask("quick", method)
            assert other.answer()[:2] == (200, b"quick")
        assert house.waiting.looks == []

        for number in reversed(range(CALLERS)):
            house.waiting.woken[str(number)].set()
        answers = [line.answer()[:2] for line in lines]

    assert answers == [(200, str(number).encode()) for number in range(CALLERS)]
    assert sorted(house.waiting.looks, key=int) == [str(number) for number in range(CALLERS)]


def test_those_that_go_on_leave_threads_to_others(house: House) -> None:
    """All are woken together, and each takes long from then on."""
    house.waiting.goes_on.clear()
    with ExitStack() as stack:
        lines = [stack.enter_context(house.line()) for _ in range(10)]
        other = stack.enter_context(house.line())
        for number, line in enumerate(lines):
            line.ask(f"waiting/{number}")
        house.until_waiting(10)
        for wakeup in house.waiting.woken.values():
            wakeup.set()
        until(lambda: len(house.waiting.looks) == THREADS // 2, PATIENCE_S, "half of the threads taken")
        other.ask("quick")
        assert other.answer()[:2] == (200, b"quick")
        assert len(house.waiting.looks) == THREADS // 2

        house.waiting.goes_on.set()
        assert [line.answer().status for line in lines] == [200] * 10


def test_the_place_of_a_caller_that_disconnects_is_free(house: House) -> None:
    with capture_logs() as logged:
        with house.line() as gone, house.line() as stays:
            gone.ask("waiting/1")
            stays.ask("waiting/2", "GET", "X-Correlation-Id: stays")
            house.until_waiting(2)
            gone.close()
            house.until_waiting(1)
            until(lambda: house.waiting.places == ["2"], PATIENCE_S, "a place given back")
            until(lambda: logged, PATIENCE_S, "the one that has gone told of")
            house.waiting.woken["1"].set()
            house.waiting.woken["2"].set()
            assert stays.answer()[:2] == (200, b"2")
        until(lambda: len(logged) == 2, PATIENCE_S, "both told of")

    assert house.waiting.looks == ["2"]
    told = [(line["route"], line["status"]) for line in logged]
    assert told == [("/waiting/{name}", 499), ("/waiting/{name}", 200)]
    assert logged[1]["correlation_id"] == "stays"


def test_who_disconnects_while_it_goes_on_is_forgotten_too(house: House) -> None:
    house.waiting.goes_on.clear()
    with house.line() as gone:
        gone.ask("waiting/1")
        house.until_waiting(1)
        house.waiting.woken["1"].set()
        until(lambda: house.waiting.looks, PATIENCE_S, "a request that goes on")
    house.waiting.goes_on.set()
    until(lambda: not house.waiting.places, PATIENCE_S, "a place given back")
    until(lambda: not house.server._server.active_channels, PATIENCE_S, "a closed connection")


def test_a_pause_ends_by_itself(house: House) -> None:
    house.waiting.pause_s = 0.05
    with house.line() as line:
        line.ask("waiting/1")
        assert line.answer()[:2] == (200, b"1")


def test_pipelined_requests_keep_their_order(house: House) -> None:
    with house.line() as line:
        line.ask("waiting/1")
        line.ask("quick")
        house.until_waiting(1)
        line.ask("waiting/2", "POST")
        line.ask("quick")
        house.waiting.woken["2"].set()
        assert house.waiting.places == ["1"]
        house.waiting.woken["1"].set()
        answers = [line.answer()[:2] for _ in range(4)]
    assert answers == [(200, b"1"), (200, b"quick"), (200, b"2"), (200, b"quick")]


def test_a_stop_tells_everybody_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "DRAIN_S", 60.0)
    monkeypatch.setattr(server_module, "REFUSE_AFTER_S", 60.0)
    with ExitStack() as stack:
        lines = [stack.enter_context(house.line()) for _ in range(CALLERS)]
        for number, line in enumerate(lines):
            line.ask(f"waiting/{number}")
        house.until_waiting(CALLERS)
        house.server.stop()
        assert [line.answer()[:2] for line in lines] == [(200, b"stopped")] * CALLERS
        assert all(line.rest() == b"" for line in lines)


def test_what_could_not_go_on_by_the_end_of_a_drain_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "DRAIN_S", 60.0)
    monkeypatch.setattr(server_module, "REFUSE_AFTER_S", 0.0)
    house.waiting.waits_again = False
    house.waiting.goes_on.clear()
    with ExitStack() as stack:
        lines = [stack.enter_context(house.line()) for _ in range(10)]
        for number, line in enumerate(lines):
            line.ask(f"waiting/{number}")
        house.until_waiting(10)
        for number in range(THREADS // 2):
            house.waiting.woken[str(number)].set()
        until(lambda: len(house.waiting.looks) == THREADS // 2, PATIENCE_S, "half of the threads taken")
        house.server.stop()
        until(lambda: len(house.waiting.places) == THREADS // 2, PATIENCE_S, "the others' places given back")
        house.waiting.goes_on.set()
        answers = [line.answer().status for line in lines]
    assert sorted(answers) == [200] * (THREADS // 2) + [503] * (10 - THREADS // 2)


def test_an_answer_without_its_body_where_that_is_asked_for(house: House) -> None:
    with house.line() as line:
        line.ask("waiting/17", "HEAD")
        house.until_waiting(1)
        house.waiting.woken["17"].set()
        head = line.answer(with_body=False)
        assert head.status == 200
        assert (head.headers["Content-Length"], head.headers["ETag"]) == ("2", '"17"')
        line.ask("quick")
        assert line.answer()[:2] == (200, b"quick")


def test_an_error_after_a_wait_is_a_problem(house: House) -> None:
    house.waiting.error = behind("products")
    with house.line() as line:
        line.ask("waiting/1")
        house.until_waiting(1)
        house.waiting.woken["1"].set()
        status, body = line.answer()[:2]
        assert status == 503
        assert b"read-model-behind" in body
        line.ask("quick")
        assert line.answer()[:2] == (200, b"quick")


def test_where_to_go_on_would_be_in_vain_it_is_refused(house: House) -> None:
    with house.line() as line:
        line.ask("waiting/1")
        house.until_waiting(1)
        house.in_vain.append(behind("products"))
        house.waiting.woken["1"].set()
        assert line.answer().status == 503
    assert (house.waiting.places, house.waiting.looks) == ([], [])


def test_a_request_is_told_of_once_with_its_whole_duration(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is read when it comes and when it is answered, and at no other time."""
    ticks = SimpleNamespace(perf_counter=itertools.count().__next__)
    monkeypatch.setattr(telemetry_module, "time", ticks)
    with capture_logs() as logged, house.line() as line:
        line.ask("waiting/1", "GET", "X-Correlation-Id: mine")
        house.until_waiting(1)
        house.waiting.woken["1"].set()
        line.answer()[:2]
        until(lambda: logged, PATIENCE_S, "a line in the log")
    (told,) = logged
    assert (told["duration_ms"], told["correlation_id"], told["status"]) == (1000.0, "mine", 200)


def test_a_command_that_waits_is_not_shed_when_it_goes_on() -> None:
    full = [False]
    with opened(backlog=Fullness(full)) as house, house.line() as line, house.line() as other:
        line.ask("waiting/1", "POST")
        house.until_waiting(1)
        full[0] = True
        other.ask("quick", "POST")
        assert other.answer().status == 503
        house.waiting.woken["1"].set()
        assert line.answer()[:2] == (200, b"1")


def test_many_come_wait_and_go_at_once(house: House) -> None:
    """Each place is given back, and each answer is the one asked for."""
    house.waiting.pause_s = 0.0

    def caller(number: int) -> list[tuple[int, bytes]]:
        found = []
        for _ in range(20):
            with house.line() as line:
                line.ask(f"waiting/{number}")
                line.ask("quick")
                if number % 4:
                    found += [line.answer()[:2], line.answer()[:2]]
        return found

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(caller, range(16)))

    for number, found in enumerate(answers):
        assert found == ([(200, str(number).encode()), (200, b"quick")] * 20 if number % 4 else [])
    until(lambda: not house.waiting.places, PATIENCE_S, "all places given back")
    until(lambda: not house.server._server.active_channels, PATIENCE_S, "all connections closed")
    until(lambda: house.server._room._going_on == 0, PATIENCE_S, "all threads given back")
