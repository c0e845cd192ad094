"""What a doorbell means: every generation of the model that this code projects, and word to the others."""

from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from bus.queue import retries
from read_side.generations.registry import Generation, RegistryEntry, State
from read_side.projections.products import PRODUCTS
from read_side.projector import answering
from read_side.projector.answering import AGAIN_MS, Continuation, DoorbellHandler
from read_side.projector.catch_up import End, Run

NAME = PRODUCTS.name
LEASE_MS = 7_000


def entry(*generations: tuple[int, int, State], live: int = 1) -> RegistryEntry:
    found = {number: Generation(number, version, state) for number, version, state in generations}
    return RegistryEntry(NAME, live, found)


class Around:
    """Everything that an answer touches: one model, one partition, and what was done."""

    def __init__(self, registered: RegistryEntry) -> None:
        self.registered = registered
        self.ends: dict[int, Run | Exception] = {}
        self.done: list[Any] = []
        self.followed: set[int] = set()
        self.positions: dict[int, int] = {}
        self.later: set[str] = set()
        self.held: set[int] = set()
        either: Any = self
        self.answer = DoorbellHandler(
            PRODUCTS,
            projector=either,
            registry=either,
            checkpoints=either,
            log=either,
            broker=either,
            doorbells=Doorbells(self),  # type: ignore[arg-type]
            runners=either,
            lease_ms=LEASE_MS,
        )

    # the registry
    def projected(self, _model: object) -> list[int]:
        return self.registered.projected(PRODUCTS.version)

    def entry(self, _name: str) -> RegistryEntry:
        return self.registered

    # the projector
    def run(self, _model: object, generation: int, _partition: int) -> Run:
        self.done.append(generation)
        end = self.ends.get(generation, Run(End.DRAINED))
        if isinstance(end, Exception):
            raise end
        return end

    # the runners
    def hold(self, _name: str, generation: int, _partition: int) -> bool:
        return generation in self.held

    def poke(self, _partition: int) -> None:
        self.done.append("poke")

    # the log and the checkpoints
    def head(self, _partition: int) -> int:
        return 9

    def position(self, _name: str, generation: int, _partition: int) -> int:
        return self.positions.get(generation, 9)

    def is_followed_by_others(self, _name: str, generation: int, _partition: int) -> bool:
        return generation in self.followed

    def note_error(self, _name: str, generation: int, _partition: int, error: str) -> None:
        self.done.append((generation, error))

    # the broker
    def enqueue_later(self, _message: object, delay_ms: int, message_id: str) -> bool:
        """As the broker: not if one with this id is delayed already."""
        first = message_id not in self.later
        self.later.add(message_id)
        if first:
            self.done.append(("later", delay_ms))
        return first


class Doorbells:
    """Notes what is rung."""

    def __init__(self, context: Around) -> None:
        self._context = context

    def answer(self, _name: str, _partition: int) -> None:
        assert not self._context.done, "the mark is cleared before the log is read"

    def ring(self, bells: list[tuple[str, int]]) -> int:
        self._context.done.append(("ring", *bells))
        return 1


def answered(context: Around) -> list[Any]:
    context.done.clear()
    context.answer(0)
    return context.done


def test_every_generation_of_this_version_is_projected_the_live_one_first() -> None:
    context = Around(
        entry(
            (1, 1, State.RETIRING),
            (2, 1, State.READY),
            (3, 1, State.LEAVING),
            (4, 1, State.BUILDING),
            (5, 2, State.READY),
            (6, 1, State.GONE),
            live=2,
        )
    )
    assert answered(context) == [2, 3, 1, "poke", "poke", "poke"]


def test_one_that_takes_part_in_the_joint_pass_is_the_runners() -> None:
    context = Around(entry((1, 1, State.READY), (2, 1, State.READY)))
    context.held = {1}
    assert answered(context) == [2, "poke"]
    context.held = {1, 2}
    assert answered(context) == []


def test_one_that_fails_stops_no_other_and_is_kept_and_raised() -> None:
    context = Around(entry((1, 1, State.READY), (2, 1, State.READY)))
    context.ends[1] = ValueError("away")
    with pytest.raises(ValueError, match="away"):
        answered(context)
    assert context.done == [1, (1, "ValueError('away')"), 2, "poke"]


def test_one_that_fails_is_left_alone_for_a_growing_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody else is; one bell is rung when the pause is over."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    context = Around(entry((1, 1, State.READY), (2, 1, State.READY)))
    context.ends[2] = ValueError("spoilt")
    pauses = []
    for _ in range(12):
        with pytest.raises(ValueError, match="spoilt"):
            answered(context)
        context.later.clear()
        one, (later, left_ms), _ = answered(context)
        assert (one, later) == (1, "later")
        pauses.append(left_ms)
        assert answered(context) == [1, "poke"], "one bell is enough"
        now += (left_ms + 1) / 1000
    assert retries.MIN_BACKOFF_MS <= pauses[0] <= 2 * retries.MIN_BACKOFF_MS + 1
    assert pauses[1] < pauses[3] < pauses[5]
    assert max(pauses) <= retries.MAX_BACKOFF_MS + 1
    context.ends.clear()
    assert answered(context) == [1, 2, "poke", "poke"]
    context.ends[2] = ValueError("spoilt")
    with pytest.raises(ValueError, match="spoilt"):
        answered(context)
    context.later.clear()
    assert answered(context)[1][1] <= 2 * retries.MIN_BACKOFF_MS + 1, "a success ends it"


def test_a_lease_held_by_another_ends_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    context = Around(entry((1, 1, State.READY)))
    pauses = []
    for _ in range(4):
        context.ends[1] = ValueError("spoilt")
        with pytest.raises(ValueError, match="spoilt"):
            answered(context)
        context.later.clear()
        [(_, left_ms)] = answered(context)
        pauses.append(left_ms)
        now += (left_ms + 1) / 1000
        context.ends[1] = Run(End.HELD)
        answered(context)
    assert pauses[0] < pauses[2]


def test_a_server_that_is_away_is_tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    context = Around(entry((1, 1, State.READY)))
    context.ends[1] = AutoReconnect("away")
    for _ in range(12):
        with pytest.raises(AutoReconnect):
            answered(context)
        context.later.clear()
        [(_, left_ms)] = answered(context)
        assert left_ms <= retries.AWAY_BACKOFF_MS + 1
        now += (left_ms + 1) / 1000


def test_what_is_left_is_rung_for_each_for_its_reason() -> None:
    context = Around(entry((1, 1, State.READY), (2, 1, State.READY), (3, 1, State.READY)))
    context.ends = {1: Run(End.HELD), 2: Run(End.GAP, 1.5), 3: Run(End.STOPPED)}
    assert answered(context) == [1, 3, 2, ("later", LEASE_MS), ("ring", (NAME, 0)), ("later", 1501)]
    # A bell that rings in seven seconds does not silence one that is to ring at once; one of each is enough.
    assert answered(context) == [1, 3, 2, ("ring", (NAME, 0))]


def test_other_versions_are_rung_for_while_somebody_projects_them() -> None:
    context = Around(entry((1, 1, State.READY), (2, 2, State.READY)))
    context.positions[2] = 8
    assert answered(context) == [1, "poke"]
    context.followed.add(2)
    assert answered(context) == [1, "poke", ("later", AGAIN_MS)]
    context.later.clear()
    context.positions[2] = 9
    assert answered(context) == [1, "poke"]


def test_a_model_that_only_others_project_is_left_alone() -> None:
    assert answered(Around(entry((1, 2, State.READY)))) == []


def test_a_run_goes_on_while_its_generation_is_projected() -> None:
    context = Around(entry((1, 1, State.READY), (2, 1, State.LEAVING)))
    either: Any = context
    may_go_on = Continuation(either, (PRODUCTS,), partitions=4, threads=8)
    assert may_go_on(NAME, 1, 0.0)
    assert may_go_on(NAME, 2, 0.0)
    context.registered = entry((1, 1, State.READY), (2, 1, State.GONE))
    assert not may_go_on(NAME, 2, 0.0)


def test_runs_take_turns_only_when_there_are_more_than_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    context: Any = Around(entry((1, 1, State.READY), (2, 1, State.READY)))
    enough = Continuation(context, (PRODUCTS,), partitions=4, threads=8)
    scarce = Continuation(context, (PRODUCTS,), partitions=4, threads=7)
    assert enough(NAME, 1, 0.0)
    assert not scarce(NAME, 1, 0.0)
    assert scarce(NAME, 1, 100.0 - answering.TURN_S / 2)
