"""A cached value is looked up again when it is too old, by one thread where the others need not look."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bus.primitives import cached
from bus.primitives.cached import CachedValue, StampedePolicy
from tests.support.waiting import until

PATIENCE_S = 10
CALLERS = 8
EACH = pytest.mark.parametrize("policy", list(StampedePolicy))


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Source:
    """Finds 1, then 2, and so on; ``hold`` has the next look wait until it is let go on."""

    def __init__(self, clock: Clock, takes_s: float = 0.0) -> None:
        self._clock = clock
        self._takes_s = takes_s
        self._gate = threading.Event()
        self._gate.set()
        self._lock = threading.Lock()
        self.error: Exception | None = None
        self.looks = 0

    def __call__(self) -> int:
        with self._lock:
            self.looks += 1
            found = self.looks
        assert self._gate.wait(PATIENCE_S)
        self._clock.now += self._takes_s
        if self.error is not None:
            raise self.error
        return found

    def hold(self) -> None:
        self._gate.clear()

    def let_go_on(self) -> None:
        self._gate.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cached, "time", clock)
    return clock


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock)


Start = Callable[[Callable[[], int]], "Future[int]"]


@pytest.fixture
def start() -> Iterator[Start]:
    with ThreadPoolExecutor(CALLERS) as pool:
        yield pool.submit


@EACH
def test_it_looks_again_when_the_value_is_too_old(
    clock: Clock, source: Source, policy: StampedePolicy
) -> None:
    value = CachedValue(source, 1.0, policy)
    assert [value(), value()] == [1, 1]
    clock.now += 0.75
    assert value() == 1
    clock.now += 0.25
    assert [value(), value()] == [2, 2]


def test_the_age_counts_from_the_beginning_of_the_look(clock: Clock) -> None:
    value = CachedValue(Source(clock, takes_s=0.5), 1.0)
    assert value() == 1
    clock.now += 0.25
    assert value() == 1
    clock.now += 0.25
    assert value() == 2


def test_a_dear_value_may_be_kept_for_longer(clock: Clock) -> None:
    value = CachedValue(Source(clock, takes_s=0.5), 1.0, sparing=20)
    assert value() == 1
    clock.now += 9.75
    assert value() == 1
    clock.now += 0.25
    assert value() == 2


@EACH
def test_a_failure_is_raised_and_not_kept(clock: Clock, source: Source, policy: StampedePolicy) -> None:
    value = CachedValue(source, 1.0, policy)
    source.error = OSError("away")
    for looks in (1, 2):
        with pytest.raises(OSError, match="away"):
            value()
        assert source.looks == looks
    source.error = None
    assert value() == 3
    clock.now += 1.0
    source.error = OSError("away again")
    with pytest.raises(OSError, match="again"):
        value()
    source.error = None
    assert value() == 5


def test_what_is_fresh_is_told_without_looking(clock: Clock, source: Source) -> None:
    value = CachedValue(source, 1.0)
    assert value.fresh() is None
    value()
    assert value.fresh() == 1
    clock.now += 1.0
    assert value.fresh() is None
    assert source.looks == 1


@EACH
def test_what_is_forgotten_is_looked_up_again(clock: Clock, source: Source, policy: StampedePolicy) -> None:
    value = CachedValue(source, 1.0, policy)
    value()
    value.forget()
    assert [value.fresh(), value()] == [None, 2]


@EACH
def test_many_that_ask_for_a_fresh_value_cost_no_look(
    source: Source, start: Start, clock: Clock, policy: StampedePolicy
) -> None:
    value = CachedValue(source, 1.0, policy)
    value()
    assert [asked.result(PATIENCE_S) for asked in [start(value) for _ in range(CALLERS)]] == [1] * CALLERS


def test_the_others_wait_for_one_look(source: Source, start: Start, clock: Clock) -> None:
    together = threading.Barrier(CALLERS)
    value = CachedValue(source, 1.0, StampedePolicy.WAIT)

    def ask() -> int:
        together.wait(PATIENCE_S)
        return value()

    assert [asked.result(PATIENCE_S) for asked in [start(ask) for _ in range(CALLERS)]] == [1] * CALLERS
    assert source.looks == 1


def test_the_others_get_the_error_that_they_waited_for(source: Source, start: Start, clock: Clock) -> None:
    """So a server that hangs holds all of them for one timeout, and not each for those before it."""
    together = threading.Barrier(CALLERS + 1)
    value = CachedValue(source, 1.0, StampedePolicy.WAIT)
    source.error = OSError("away")
    source.hold()

    def ask() -> int:
        together.wait(PATIENCE_S)
        return value()

    asked = [start(ask) for _ in range(CALLERS)]
    together.wait(PATIENCE_S)
    until(lambda: _waiting(value) == CALLERS - 1, PATIENCE_S, "all but the one that looks wait for it")
    source.let_go_on()
    for one in asked:
        with pytest.raises(OSError, match="away"):
            one.result(PATIENCE_S)
    assert source.looks == 1
    source.error = None
    assert value() == 2


def _waiting(value: CachedValue[int]) -> int:
    under_way = value._under_way
    return len(under_way._condition._waiters) if under_way else 0  # type: ignore[attr-defined]


def test_the_others_take_the_old_value(source: Source, start: Start, clock: Clock) -> None:
    value = CachedValue(source, 1.0, StampedePolicy.TAKE_OLD)
    value()
    clock.now += 100.0
    source.hold()
    first = start(value)
    until(lambda: source.looks == 2, PATIENCE_S, "one looks")
    assert [value() for _ in range(CALLERS)] == [1] * CALLERS
    source.let_go_on()
    assert [first.result(PATIENCE_S), value(), source.looks] == [2, 2, 2]


@pytest.mark.parametrize("policy", [StampedePolicy.TAKE_OLD, StampedePolicy.LOOK_TOO])
def test_where_there_is_nothing_to_take_nobody_waits(
    source: Source, start: Start, clock: Clock, policy: StampedePolicy
) -> None:
    value = CachedValue(source, 1.0, policy)
    source.hold()
    asked = [start(value) for _ in range(CALLERS)]
    until(lambda: source.looks == CALLERS, PATIENCE_S, "each looks")
    source.let_go_on()
    assert {one.result(PATIENCE_S) for one in asked} == set(range(1, CALLERS + 1))


def test_each_looks_too_once_the_value_is_too_old(source: Source, start: Start, clock: Clock) -> None:
    value = CachedValue(source, 1.0, StampedePolicy.LOOK_TOO)
    value()
    clock.now += 1.0
    source.hold()
    asked = [start(value) for _ in range(CALLERS)]
    until(lambda: source.looks == 1 + CALLERS, PATIENCE_S, "each looks")
    source.let_go_on()
    assert {one.result(PATIENCE_S) for one in asked} == set(range(2, CALLERS + 2))


def test_after_a_failure_the_others_still_take_the_old_value(
    source: Source, start: Start, clock: Clock
) -> None:
    value = CachedValue(source, 1.0, StampedePolicy.TAKE_OLD)
    value()
    clock.now += 1.0
    source.error = OSError("away")
    with pytest.raises(OSError, match="away"):
        value()
    source.hold()
    first = start(value)
    until(lambda: source.looks == 3, PATIENCE_S, "one looks again")
    assert value() == 1
    source.let_go_on()
    with pytest.raises(OSError, match="away"):
        first.result(PATIENCE_S)
