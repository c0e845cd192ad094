"""A breaker lets one caller in a while find out, and everybody again as soon as one succeeded."""

import pytest

from bus.primitives import circuit_breaker as breaker_module
from bus.primitives.circuit_breaker import CircuitBreaker


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(breaker_module, "time", clock)
    return clock


def test_it_admits_everybody_until_it_trips(clock: Clock) -> None:
    breaker = CircuitBreaker(pause_s=1.0)
    assert [breaker.admits() for _ in range(3)] == [True] * 3
    assert breaker.trip()
    assert [breaker.admits() for _ in range(3)] == [False] * 3


def test_one_caller_finds_out_after_each_pause(clock: Clock) -> None:
    breaker = CircuitBreaker(pause_s=1.0)
    breaker.trip()
    clock.now += 1.0
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    assert not breaker.trip()
    clock.now += 0.9
    assert not breaker.admits()
    clock.now += 0.1
    assert breaker.admits()


def test_one_success_closes_it(clock: Clock) -> None:
    breaker = CircuitBreaker()
    breaker.trip()
    assert breaker.close()
    assert not breaker.close()
    assert [breaker.admits() for _ in range(3)] == [True] * 3
