"""The watchdog rings for what is behind and does not move, and for nothing else."""

from collections.abc import Iterable

import pytest
import redis
import structlog.testing

from read_side.projector import watchdog as watchdogs
from read_side.projector.watchdog import PATIENCE, Watchdog
from tests.support.waiting import until

Bells = set[tuple[str, int]]


class Log:
    """Two partitions, each with a head."""

    def __init__(self) -> None:
        self.at = [0, 0]

    def heads(self) -> list[int]:
        return self.at


class Checkpoints:
    """Where the models are: one partition each, and a model with two generations."""

    def __init__(self) -> None:
        self.at = {("customers", 1, 0): 0, ("orders", 1, 1): 0, ("orders", 2, 1): 0}

    def positions(self) -> dict[tuple[str, int, int], int]:
        return dict(self.at)


class Doorbells:
    """Remembers what was rung; Redis may be away."""

    def __init__(self) -> None:
        self.rung: list[Bells] = []
        self.away = False

    def ring(self, bells: Iterable[tuple[str, int]]) -> int:
        if self.away:
            raise redis.ConnectionError("away")
        self.rung.append(set(bells))
        return len(self.rung[-1])


class Watched:
    """A watchdog and what it looks at."""

    def __init__(self) -> None:
        self.log, self.checkpoints, self.doorbells = Log(), Checkpoints(), Doorbells()
        self.others: set[tuple[str, int]] = set()
        self.poked: list[int] = []
        self.watchdog = Watchdog(
            self.log,  # type: ignore[arg-type]
            self.checkpoints,  # type: ignore[arg-type]
            self.doorbells,  # type: ignore[arg-type]
            projected=lambda: {key[:2] for key in self.checkpoints.at} - self.others,
            poke=self.poked.append,
        )

    def looks(self, times: int) -> list[int]:
        return [self.watchdog.look() for _ in range(times)]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_nothing_is_rung_for_while_all_are_at_the_head(watched: Watched) -> None:
    watched.log.at = [7, 9]
    watched.checkpoints.at = {("customers", 1, 0): 7, ("orders", 1, 1): 9, ("orders", 2, 1): 11}
    assert watched.looks(3 * PATIENCE) == [0] * 3 * PATIENCE
    assert watched.doorbells.rung == []
    assert watched.watchdog.rescued == 0


def test_what_stays_behind_is_rung_for_when_patience_ends_and_again_after_as_long(watched: Watched) -> None:
    watched.log.at = [7, 0]
    assert watched.looks(PATIENCE) == [0] * PATIENCE
    assert watched.looks(1) == [1]
    assert watched.doorbells.rung == [{("customers", 0)}]
    assert watched.poked == [0], "its runner needs no bell, and so no Redis"
    assert watched.watchdog.rescued == 1
    assert watched.looks(PATIENCE + 1) == [0] * PATIENCE + [1]
    assert watched.doorbells.rung == [{("customers", 0)}] * 2
    assert watched.watchdog.rescued == 2


def test_what_moves_on_is_left_alone_however_far_behind(watched: Watched) -> None:
    watched.log.at = [1_000, 0]
    for position in range(5 * PATIENCE):
        watched.checkpoints.at["customers", 1, 0] = position
        assert watched.looks(1) == [0]
    assert watched.doorbells.rung == []


def test_what_caught_up_in_between_starts_anew(watched: Watched) -> None:
    watched.log.at = [7, 0]
    watched.looks(PATIENCE)
    watched.checkpoints.at["customers", 1, 0] = 7
    assert watched.looks(1) == [0]
    watched.log.at = [8, 0]
    assert watched.looks(PATIENCE) == [0] * PATIENCE
    assert watched.looks(1) == [1]


def test_one_bell_is_enough_for_all_generations_of_a_model(watched: Watched) -> None:
    watched.log.at = [0, 9]
    assert watched.looks(PATIENCE + 1)[-1] == 1
    assert watched.doorbells.rung == [{("orders", 1)}]


def test_it_survives_a_lost_redis_and_says_so_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdogs, "LOOK_EVERY_S", 0.001)
    looked: list[int] = []
    look = watched.watchdog.look

    def counted() -> int:
        looked.append(1)
        return look()

    monkeypatch.setattr(watched.watchdog, "look", counted)
    watched.log.at = [7, 0]
    watched.doorbells.away = True
    with structlog.testing.capture_logs() as logged:
        watched.watchdog.start()
        try:
            until(lambda: len(looked) > 10 * PATIENCE, 10, "the lookout looks on")
            assert watched.doorbells.rung == []
            watched.doorbells.away = False
            until(lambda: watched.doorbells.rung, 10, "the lookout rings again")
        finally:
            watched.watchdog.stop()
    until(lambda: not watched.watchdog.thread.is_alive(), 10, "the end of its thread")
    assert (
        len([one for one in logged if one["event"] == "the lookout waits for its servers"]) <= len(looked) / 3
    )


def test_what_this_process_does_not_project_is_nobodys_mistake(watched: Watched) -> None:
    """A model that is no longer in the table, or a generation of another version of the code."""
    watched.log.at = [7, 9]
    watched.checkpoints.at = {("customers", 1, 0): 7, ("orders", 1, 1): 0, ("orders", 2, 1): 9}
    watched.others = {("orders", 1)}
    assert watched.looks(3 * PATIENCE) == [0] * 3 * PATIENCE
    assert watched.doorbells.rung == []


def test_chores_are_done_with_every_look(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdogs, "LOOK_EVERY_S", 0.001)
    done: list[int] = []
    watched.watchdog._periodic_tasks = (lambda: done.append(1),)
    watched.watchdog.start()
    try:
        until(lambda: len(done) > 2, 10, "three looks")
    finally:
        watched.watchdog.stop()
