"""The shared scan: everybody gets the whole log in its order, and it is read once."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest import mock

import pytest

from bus.log.commit import Commit
from bus.log.view import LogSlice
from read_side.rebuild import shared_scan
from read_side.rebuild.shared_scan import Member, SharedScan
from tests.support.waiting import until

DONE_S = 20.0
LENGTH, SIZE = 60, 7


class FakeLog:
    """Positions 1 to ``head``, and how often each stretch was read."""

    def __init__(self, head: int = LENGTH) -> None:
        self.head = head
        self.reads: Counter[int] = Counter()
        self.broken: set[int] = set()
        """The next reading after each of these positions raises."""
        self._lock = threading.Lock()

    def read(self, after: int) -> LogSlice:
        with self._lock:
            self.reads[after] += 1
            if after in self.broken:
                self.broken.discard(after)
                raise ConnectionError(f"no answer after {after}")
        last = min(after + SIZE, self.head)
        return LogSlice(tuple(Commit(partition=0, seq=seq) for seq in range(after + 1, last + 1)), ())

    def read_more_than_once(self) -> list[int]:
        return [after for after, times in self.reads.items() if times > 1 and after < self.head]


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@contextmanager
def under_way(log: FakeLog, stopping: threading.Event, members: int = 2) -> Iterator[list[Member]]:
    with SharedScan(log.read, members, stopping) as together:
        yield together.members


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    """A test that waits for somebody in vain does not pass."""
    with (
        mock.patch.object(shared_scan, "PATIENCE_S", 10 * DONE_S),
        mock.patch.object(shared_scan, "LOOK_S", 0.01),
    ):
        yield


def _to_the_end(member: Member, after: int = 0, tries: int = 1) -> list[int]:
    """What a read model gets that begins behind a position."""
    got: list[int] = []
    with member:
        while True:
            try:
                stretch = member.read(0, after, 1_000)
            except ConnectionError:
                tries -= 1
                if not tries:
                    raise
                continue
            if not stretch.commits:
                return got
            got += [commit.seq for commit in stretch.commits]
            after = got[-1]


def test_everybody_gets_everything_and_it_is_read_once(log: FakeLog, stopping: threading.Event) -> None:
    with under_way(log, stopping, 5) as members, ThreadPoolExecutor(5) as threads:
        for got in threads.map(_to_the_end, members, timeout=DONE_S):
            assert got == list(range(1, LENGTH + 1))
    assert log.read_more_than_once() == []


def test_nobody_is_a_stretch_ahead_of_who_is_on_the_way(log: FakeLog, stopping: threading.Event) -> None:
    """So in memory are never more than three stretches: the one before, this, and the one read ahead."""
    with under_way(log, stopping) as (quick, slow), ThreadPoolExecutor(2) as threads:
        first = threads.submit(quick.read, 0, 0, 0)
        slow.read(0, 0, 0)
        assert first.result(DONE_S).commits[-1].seq == SIZE
        assert quick.read(0, SIZE, 0).commits[-1].seq == 2 * SIZE
        ahead = threads.submit(quick.read, 0, 2 * SIZE, 0)
        until(lambda: log.reads[2 * SIZE] == 1, DONE_S, "it is read ahead")
        assert not ahead.done()
        assert log.reads[3 * SIZE] == 0
        assert slow.read(0, SIZE, 0).commits[-1].seq == 2 * SIZE
        assert ahead.result(DONE_S).commits[-1].seq == 3 * SIZE


def test_who_leaves_is_not_waited_for(log: FakeLog, stopping: threading.Event) -> None:
    with under_way(log, stopping, 3) as (one, never_came, gone), ThreadPoolExecutor(1) as threads:
        got = threads.submit(_to_the_end, one)
        with never_came:
            pass
        with gone:
            gone.read(0, 0, 0)
        assert got.result(DONE_S) == list(range(1, LENGTH + 1))


def test_who_is_elsewhere_reads_for_itself_and_is_not_waited_for(
    log: FakeLog, stopping: threading.Event
) -> None:
    """As after a rebuild was killed: the checkpoints are not the same."""
    starts = (SIZE + 1, 0, 0, LENGTH - 1)
    with under_way(log, stopping, 4) as members, ThreadPoolExecutor(4) as threads:
        for start, got in zip(starts, threads.map(_to_the_end, members, starts, timeout=DONE_S), strict=True):
            assert got == list(range(start + 1, LENGTH + 1))
    assert log.reads[0] == log.reads[SIZE] == 1, "those that are together are not parted"


def test_who_is_elsewhere_and_stays_there_holds_up_nobody(log: FakeLog, stopping: threading.Event) -> None:
    with under_way(log, stopping) as (one, elsewhere), ThreadPoolExecutor(1) as threads:
        first = threads.submit(one.read, 0, 0, 0)
        assert elsewhere.read(0, 5, 0).commits[0].seq == 6
        assert first.result(DONE_S).commits[0].seq == 1
        assert threads.submit(_to_the_end, one, SIZE).result(DONE_S) == list(range(SIZE + 1, LENGTH + 1))


def test_who_does_not_come_is_left_behind_after_a_while(log: FakeLog, stopping: threading.Event) -> None:
    with (
        mock.patch.object(shared_scan, "PATIENCE_S", 0.05),
        under_way(log, stopping) as (one, late),
        ThreadPoolExecutor(1) as threads,
    ):
        assert threads.submit(_to_the_end, one).result(DONE_S) == list(range(1, LENGTH + 1))
        assert _to_the_end(late) == list(range(1, LENGTH + 1))


def test_who_waits_stops_when_told(log: FakeLog, stopping: threading.Event) -> None:
    with under_way(log, stopping) as (one, _), ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(one.read, 0, 0, 0)
        stopping.set()
        waiting.result(DONE_S)


def test_the_end_of_the_log_is_looked_at_again(log: FakeLog, stopping: threading.Event) -> None:
    with under_way(log, stopping, 1) as (one,):
        for after in range(0, LENGTH, SIZE):
            one.read(0, after, 0)
        until(lambda: log.reads[LENGTH] == 1, DONE_S, "it was read ahead, and there was nothing")
        log.head += 1
        assert [commit.seq for commit in one.read(0, LENGTH, 0).commits] == [LENGTH + 1]
        assert one.read(0, LENGTH + 1, 0).commits == ()
        log.head += 1
        assert [commit.seq for commit in one.read(0, LENGTH + 1, 0).commits] == [LENGTH + 2]


def test_what_cannot_be_read_is_told_to_one_and_read_again(log: FakeLog, stopping: threading.Event) -> None:
    log.broken = {0, SIZE, 3 * SIZE}  # the first when it is needed, the others ahead
    with under_way(log, stopping, 3) as members, ThreadPoolExecutor(3) as threads:
        for got in threads.map(lambda member: _to_the_end(member, tries=2), members, timeout=DONE_S):
            assert got == list(range(1, LENGTH + 1))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_they_do_nobody_misses_anything(log: FakeLog, stopping: threading.Event, seed: int) -> None:
    draw = random.Random(seed)
    starts = [draw.choice((0, 0, 0, SIZE, 5, LENGTH)) for _ in range(5)]
    ends = [draw.choice((LENGTH, LENGTH, 3 * SIZE)) for _ in range(5)]
    log.broken = {draw.randrange(0, LENGTH, SIZE)}

    def some(member: Member, start: int, end: int) -> list[int]:
        got, after = [], start
        with member:
            while after < end:
                try:
                    stretch = member.read(0, after, 0)
                except ConnectionError:
                    continue
                got += [commit.seq for commit in stretch.commits]
                after = got[-1]
        return got

    with under_way(log, stopping, 5) as members, ThreadPoolExecutor(5) as threads:
        all_got = list(threads.map(some, members, starts, ends, timeout=DONE_S))
    for start, end, got in zip(starts, ends, all_got, strict=True):
        assert got == list(range(start + 1, start + 1 + len(got)))
        assert start + len(got) >= end or start >= end
