"""The places of requests that wait: each is called once, by whatever comes first, or left."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast
from unittest import mock

import falcon
import pytest

from api.middleware.deferral import Deferral, Pause, Waits
from api.server import waiting_room
from api.server.waiting_room import WaitingRoom
from bus.notify.wakeup import Wakeup

HOUR_S = 3600.0


class Caller:
    """A connection whose request waits, with what it waits by."""

    def __init__(self) -> None:
        self.connected = True
        self.woken = Wakeup()
        self.has_place = False
        self.deferral = Deferral(mock.Mock(falcon.Request), mock.Mock(falcon.Response), self._waits())
        next(self.deferral._steps)

    def _waits(self) -> Waits[None]:
        self.has_place = True
        try:
            yield Pause(HOUR_S, self.woken)
        finally:
            self.has_place = False


class Room:
    """A waiting room, and what it did."""

    def __init__(self, at_a_time: int = 2) -> None:
        self.gone_on: list[Caller] = []
        self.left: list[falcon.Request] = []
        self.told = 0
        self.room: WaitingRoom[Caller] = WaitingRoom(
            at_a_time, go_on=self.gone_on.append, tell_loop=self._tell, on_leaving=self.left.append
        )

    def _tell(self) -> None:
        self.told += 1

    def enter(self, caller: Caller, seconds: float = HOUR_S) -> Caller:
        self.room.enter(caller, caller.deferral, Pause(seconds, caller.woken))
        return caller


def test_who_is_woken_goes_on_once() -> None:
    room = Room()
    caller = room.enter(Caller())
    assert room.gone_on == []
    assert len(room.room) == 1

    caller.woken.set()
    caller.woken.set()
    room.room.call_due()
    room.room.close()

    assert room.gone_on == [caller]
    assert len(room.room) == 0


def test_who_was_woken_before_it_entered_goes_on_at_once() -> None:
    room = Room()
    caller = Caller()
    caller.woken.set()
    assert room.enter(caller) is caller
    assert room.gone_on == [caller]


def test_an_earlier_wakeup_does_not_end_a_later_pause() -> None:
    """It was cleared before the look that found nothing."""
    room = Room()
    caller = room.enter(Caller())
    room.room._call(list(room.room._waiting.values()))  # its pause was over
    caller.woken.clear()
    room.enter(caller)
    assert room.gone_on == [caller]
    caller.woken.set()
    assert room.gone_on == [caller, caller]


def test_the_loop_is_told_of_every_pause_and_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = mock.Mock(monotonic=mock.Mock(return_value=100.0))
    monkeypatch.setattr(waiting_room, "time", clock)
    room = Room(at_a_time=10)
    assert room.room.seconds_left(at_most=1.0) == 1.0
    late, early = room.enter(Caller(), 0.75), room.enter(Caller(), 0.25)
    assert room.told == 2
    assert room.room.seconds_left(at_most=1.0) == 0.25

    room.room.call_due()
    assert room.gone_on == []
    clock.monotonic.return_value = 100.25
    room.room.call_due()
    assert room.gone_on == [early]
    assert room.room.seconds_left(at_most=1.0) == 0.5
    clock.monotonic.return_value = 200.0
    assert room.room.seconds_left(at_most=1.0) == 0.0
    room.room.call_due()
    assert room.gone_on == [early, late]
    assert room.room.seconds_left(at_most=1.0) == 1.0


def test_only_so_many_go_on_at_a_time() -> None:
    room = Room(at_a_time=2)
    callers = [room.enter(Caller()) for _ in range(5)]
    for caller in callers:
        caller.woken.set()
    assert room.gone_on == callers[:2]

    room.room.ended()
    assert room.gone_on == callers[:3]
    assert room.room.take_called() == callers[3:]
    room.room.ended()
    assert room.gone_on == callers[:3]


def test_the_place_of_a_caller_that_has_gone_is_free_at_once() -> None:
    room = Room()
    caller = room.enter(Caller())
    assert caller.has_place

    room.room.leave(caller)
    room.room.leave(caller)
    caller.woken.set()

    assert not caller.has_place
    assert room.left == [caller.deferral.req]
    assert room.gone_on == []


def test_who_has_been_called_is_left_to_the_thread_that_goes_on() -> None:
    room = Room()
    caller = room.enter(Caller())
    caller.woken.set()
    room.room.leave(caller)
    assert caller.has_place
    assert room.left == []


def test_a_connection_that_was_closed_before_its_request_could_wait() -> None:
    room = Room()
    caller = Caller()
    caller.connected = False
    room.enter(caller)
    assert not caller.has_place
    assert cast("list[object]", room.left) == [caller.deferral.req]


def test_a_room_that_closes_calls_all_and_whoever_comes_later() -> None:
    room = Room(at_a_time=10)
    callers = [room.enter(Caller()) for _ in range(3)]
    room.room.close()
    assert room.gone_on == callers
    late = room.enter(Caller())
    assert room.gone_on == [*callers, late]


def test_whatever_comes_first_it_goes_on_or_is_left_once() -> None:
    """Announcements, pauses that end, callers that leave and a stop, all at the same time."""
    for _ in range(50):
        room = Room(at_a_time=1_000)
        callers = [room.enter(Caller(), 0.0) for _ in range(20)]
        together = threading.Barrier(4)

        def at_once(*steps: Callable[[], None], together: threading.Barrier = together) -> None:
            together.wait()
            for step in steps:
                step()

        with ThreadPoolExecutor(4) as pool:
            futures = [
                pool.submit(at_once, *(caller.woken.set for caller in callers)),
                pool.submit(at_once, *(partial(room.room.leave, caller) for caller in reversed(callers))),
                pool.submit(at_once, *(room.room.call_due for _ in callers)),
                pool.submit(at_once, room.room.close),
            ]
            for future in futures:
                future.result()

        gone = [caller for caller in callers if not caller.has_place]
        assert len(room.left) == len(gone)
        assert Counter(room.gone_on) == Counter(caller for caller in callers if caller.has_place)
        assert len(room.room) == 0
