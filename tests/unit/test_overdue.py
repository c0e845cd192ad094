"""What is overdue by mongod's clock, or by the order alone when that clock was put right."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Timestamp

from bus.inbox.overdue import MARKS, Overdue

T0 = 1_800_000_000
AFTER_S = 5


class Server:
    """A mongod with a wall clock, the places that it has given, and the time that really passes."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.fast_by = 0
        self.unfinished: list[Timestamp] = []
        self._last = Timestamp(0, 0)

    def accept(self) -> Timestamp:
        """Give the next place, as the logical clock does: never back, and by one where time stands still."""
        wall = Timestamp(self._wall(), 1)
        self._last = wall if wall > self._last else Timestamp(self._last.time, self._last.inc + 1)
        self.unfinished.append(self._last)
        return self._last

    def command(self, _name: str, **_options: Any) -> dict[str, datetime]:
        return {"localTime": datetime.fromtimestamp(self._wall(), UTC)}

    def newest_unfinished(self) -> Timestamp | None:
        return max(self.unfinished, default=None)

    def monotonic(self) -> float:
        return self.passed

    def _wall(self) -> int:
        return T0 + self.fast_by + int(self.passed)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def look(server: Server) -> Callable[[], list[Timestamp]]:
    overdue = Overdue(server, server, AFTER_S * 1000, server.monotonic)  # type: ignore[arg-type]

    def look() -> list[Timestamp]:
        last = overdue()
        return [place for place in server.unfinished if place <= last]

    return look


def test_the_old_are_overdue_at_the_first_look(server: Server, look: Callable[[], Any]) -> None:
    old = server.accept()
    server.passed = AFTER_S + 1
    server.accept()
    assert look() == [old]


@pytest.mark.parametrize("fast_by", [40, 86_400 * 365])
def test_ahead_of_the_wall_clock_the_time_since_the_first_look_counts(
    server: Server, look: Callable[[], Any], fast_by: int
) -> None:
    server.fast_by = fast_by
    before = server.accept()
    server.fast_by = 0  # put right
    after = server.accept()
    assert look() == []
    server.passed = 1
    later = server.accept()
    assert look() == []
    server.passed = AFTER_S
    assert look() == [before, after]
    server.passed = AFTER_S + 1
    assert look() == [before, after, later]


def test_what_was_accepted_just_now_is_given_its_time_also_then(
    server: Server, look: Callable[[], Any]
) -> None:
    server.fast_by = 40
    server.accept()
    server.fast_by = 0
    for second in range(30):
        server.passed = float(second)
        young = {server.accept() for _ in range(3)}
        assert not young & set(look())
        server.unfinished = server.unfinished[-3 * AFTER_S :]


def test_when_everything_was_finished_the_next_begins_anew(server: Server, look: Callable[[], Any]) -> None:
    server.fast_by = 40
    server.accept()
    server.fast_by = 0
    look()
    server.unfinished.clear()
    server.passed = AFTER_S * 3
    look()
    new = server.accept()
    assert look() == []
    server.passed += AFTER_S
    assert look() == [new]


def test_a_clock_that_jumps_forward_makes_overdue_only_what_was_there(
    server: Server, look: Callable[[], Any]
) -> None:
    there = server.accept()
    server.fast_by = 3_600
    server.accept()
    assert look() == [there]


def test_it_remembers_little(server: Server) -> None:
    overdue = Overdue(server, server, 3_600_000, server.monotonic)  # type: ignore[arg-type]
    server.fast_by = 86_400
    server.accept()
    server.fast_by = 0
    for second in range(7_200):
        server.passed = float(second)
        server.accept()
        overdue()
        assert len(overdue._marks) <= MARKS + 1
        server.unfinished = server.unfinished[-1:]
