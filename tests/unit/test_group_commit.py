"""Group commit: who comes together goes together, fails as it must, and waits for no more than it needs."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bus.primitives.group_commit import GroupCommit
from tests.support.waiting import until

PATIENCE_S = 10.0


class Gate:
    """Work that stands still while the gate is shut; ``batches`` are those it was called with."""

    def __init__(self, answer: Callable[[str], str | Exception] = str.upper) -> None:
        self._answer = answer
        self.batches: list[list[str]] = []
        self.open = threading.Event()

    def __call__(self, items: list[str]) -> Sequence[str | Exception]:
        self.batches.append(items)
        self.open.wait(PATIENCE_S)
        return [self._answer(item) for item in items]


def together(group: GroupCommit[str, str], gate: Gate, *items: str) -> dict[str, Future[str]]:
    """Call with the first item, and with the others while it is under way; then open the gate."""
    with ThreadPoolExecutor(len(items)) as callers:
        first, *others = items
        called = {first: callers.submit(group, first)}
        until(lambda: gate.batches, PATIENCE_S, "the first under way")
        called |= {item: callers.submit(group, item) for item in others}
        until(lambda: len(group._waiting) == len(others), PATIENCE_S, "the others waiting")
        gate.open.set()
    return called


def test_who_comes_meanwhile_goes_together() -> None:
    gate = Gate()
    called = together(GroupCommit(gate), gate, "a", "b", "c")
    assert {item: future.result() for item, future in called.items()} == {"a": "A", "b": "B", "c": "C"}
    assert [sorted(batch) for batch in gate.batches] == [["a"], ["b", "c"]]


def test_nobody_joins_what_is_under_way() -> None:
    """A reader must not get what was read before it came."""
    value = ["old"]
    gate = Gate(lambda _: value[0])
    group: GroupCommit[str, str] = GroupCommit(gate)
    with ThreadPoolExecutor(2) as callers:
        early = callers.submit(group, "early")
        until(lambda: gate.batches, PATIENCE_S, "a reading under way")
        late = callers.submit(group, "late")
        until(lambda: group._waiting, PATIENCE_S, "somebody waiting")
        assert gate.batches == [["early"]]
        gate.open.set()
        assert early.result(PATIENCE_S) == "old"
        value[0] = "new"
    assert gate.batches == [["early"], ["late"]]
    assert late.done()


def test_one_that_is_bad_fails_alone() -> None:
    gate = Gate(lambda item: ValueError(item) if item == "b" else item)
    called = together(GroupCommit(gate), gate, "a", "b", "c")
    assert (called["a"].result(), called["c"].result()) == ("a", "c")
    with pytest.raises(ValueError, match="b"):
        called["b"].result()


def test_what_cannot_even_be_tried_together_is_tried_alone() -> None:
    def answer(item: str) -> str:
        if item == "b":
            raise ValueError(item)
        return item

    gate = Gate(answer)
    called = together(GroupCommit(gate, shared=lambda _: False), gate, "a", "b", "c")
    assert (called["a"].result(), called["c"].result()) == ("a", "c")
    with pytest.raises(ValueError, match="b"):
        called["b"].result()


def test_what_follows_is_waited_for_by_one_alone() -> None:
    told: list[list[tuple[str, str]]] = []
    going_on = threading.Event()

    def follow(went_well: list[tuple[str, str]]) -> None:
        told.append(sorted(went_well))
        going_on.wait(PATIENCE_S)

    gate = Gate()
    group = GroupCommit(gate, afterwards=follow)
    with ThreadPoolExecutor(3) as callers:
        alone = callers.submit(group, "a")
        until(lambda: gate.batches, PATIENCE_S, "the first under way")
        both = [callers.submit(group, item) for item in ("b", "c")]
        until(lambda: len(group._waiting) == len(both), PATIENCE_S, "the others waiting")
        gate.open.set()
        until(lambda: len(told) == 2, PATIENCE_S, "both batches through")
        assert not alone.done()
        until(lambda: any(caller.done() for caller in both), PATIENCE_S, "the one who did not lead")
        assert not all(caller.done() for caller in both)
        going_on.set()
    # The first tells when it has passed the lead on, so perhaps after the second.
    assert sorted(told) == [[("a", "A")], [("b", "B"), ("c", "C")]]


def test_what_follows_is_not_told_of_failures() -> None:
    told: list[tuple[str, str]] = []
    gate = Gate(lambda item: ValueError(item) if item == "b" else item)
    together(GroupCommit(gate, afterwards=told.extend), gate, "a", "b", "c")
    assert sorted(told) == [("a", "a"), ("c", "c")]
