"""A filled generation is handed over once every process can know of it, and somebody has taken it up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from read_side.errors import RebuildStoppedError
from read_side.projections.products import PRODUCTS
from read_side.rebuild import handover
from read_side.rebuild.handover import FOLLOWED_S, LEARNED_S, Handover


class Around:
    """A clock that goes on while it is waited for; a log and checkpoints of one partition."""

    partitions = 1

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 100.0
        self.log_head = 5
        self.marks = {1: (1, 5), 2: (1, 5)}
        self.taken_up_at = self.time
        self.rung: list[float] = []
        self.ends = self.time
        monkeypatch.setattr(handover, "time", self)
        either: Any = self
        self.handover = Handover(PRODUCTS, log=either, checkpoints=either, doorbells=either, stopping=either)

    def monotonic(self) -> float:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.time += seconds
        return False

    @contextmanager
    def now(self, *_partitions: int) -> Iterator["Around"]:
        yield self

    def heads(self) -> list[int]:
        return [self.log_head]

    def ring(self, bells: Any, *, insist: bool) -> int:
        assert insist, "the live one may be kept silent"
        self.rung.append(self.time)
        if self.time >= self.taken_up_at:
            epoch, position = self.marks[2]
            self.marks[2] = (epoch + 1, max(position, self.log_head))
        return len(list(bells))

    def found(self, where: dict[str, Any]) -> list[Any]:
        epoch, position = self.marks[where["generation"]]
        return [
            type("Found", (), {"partition": 0, "epoch": epoch, "position": position, "expires_at": self.ends})
        ]

    def follow(self, ready_at: float = 100.0) -> None:
        self.handover.until_followed(2, 1, ready_at, lambda: None)


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Around:
    return Around(monkeypatch)


def test_nothing_is_concluded_before_everybody_has_learned_of_it(context: Around) -> None:
    context.follow()
    assert context.rung
    assert min(context.rung) >= 100.0 + LEARNED_S


def test_one_that_is_known_for_long_is_rung_for_at_once(context: Around) -> None:
    context.follow(ready_at=100.0 - LEARNED_S)
    assert context.rung == [100.0]


def test_it_has_to_be_taken_up_though_it_is_at_the_head(context: Around) -> None:
    context.taken_up_at = 100.0 + 2 * FOLLOWED_S
    with pytest.raises(RebuildStoppedError, match="no worker projects products"):
        context.follow()


def test_who_keeps_its_lease_has_taken_it_up(context: Around) -> None:
    """A runner took it before anybody looked, and now only renews it."""

    def renewed(_bells: Any, *, insist: bool) -> int:
        assert insist
        context.ends += 1
        return 1

    context.ring = renewed  # type: ignore[method-assign, assignment]
    context.follow()
    assert context.marks[2] == (1, 5)


def test_it_may_take_long_while_it_moves(context: Around) -> None:
    context.log_head = 900
    context.marks[2] = (1, 5)
    steps: list[int] = []

    def slowly(_bells: Any, *, insist: bool) -> int:
        assert insist
        steps.append(1)
        context.time += FOLLOWED_S / 2
        context.marks[2] = (2, 5 + 100 * len(steps))
        return 1

    context.ring = slowly  # type: ignore[method-assign, assignment]
    context.follow()
    assert context.marks[2][1] >= 900


def test_it_has_to_be_where_the_live_one_is(context: Around) -> None:
    context.marks[1] = (1, 8)  # the head was read before this
    context.taken_up_at = 100.0
    with pytest.raises(RebuildStoppedError):
        context.follow()


def test_whether_they_catch_up_is_waited_for_in_bounded_time(context: Around) -> None:
    context.log_head = 9
    context.taken_up_at = 103.0
    context.marks[1] = (1, 9)
    assert context.handover.have_caught_up((1, 2), lambda: None)
    context.log_head = 11
    assert not context.handover.have_caught_up((1, 2), lambda: None)
