"""The newest commits, read once for many: what each reader is given is the log, whoever read before it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.commit import Commit
from bus.log import Log
from bus.log_view import Stretch
from read_side import shared_reads
from read_side.shared_reads import SharedReads
from tests.contract.decisions import decision

HOME = 0
COMMIT_BYTES = 10


def append(log: Log, first: int, count: int) -> None:
    log.append([decision(f"s{number}", 1, partition=HOME) for number in range(first, first + count)])


def seqs(commits: Sequence[Commit]) -> list[int]:
    return [commit.seq for commit in commits]


def read_by_commits(log: Log, partition: int, after: int, limit: int, most_bytes: int) -> Stretch:
    """As ``Log.read_within``, for which mongomock lacks the raw batches, of commits of ``COMMIT_BYTES``."""
    stretch = log.read(partition, after, min(limit, max(1, most_bytes // COMMIT_BYTES)), state=False)
    return replace(stretch, size=COMMIT_BYTES * len(stretch.commits))


@pytest.fixture
def asked(log: Log) -> mock.Mock:
    """The log's ``read_within``, which remembers that it was called."""
    return mock.Mock(side_effect=partial(read_by_commits, log))


@pytest.fixture
def reads(log: Log, asked: mock.Mock, monkeypatch: pytest.MonkeyPatch) -> SharedReads:
    monkeypatch.setattr(log, "read_within", asked)
    return SharedReads(log)


def test_the_second_reader_is_given_the_very_commits_of_the_first(
    log: Log, reads: SharedReads, asked: mock.Mock
) -> None:
    append(log, 0, 3)
    first = reads.read(HOME, 0, 10).commits
    second = reads.read(HOME, 0, 10).commits
    assert seqs(first) == [1, 2, 3]
    assert [one is other for one, other in zip(first, second, strict=True)] == [True] * 3
    assert asked.call_count == 1


def test_who_is_at_the_end_asks_the_log(log: Log, reads: SharedReads, asked: mock.Mock) -> None:
    append(log, 0, 2)
    reads.read(HOME, 0, 10)
    append(log, 2, 1)
    assert seqs(reads.read(HOME, 1, 10).commits) == [2]
    assert seqs(reads.read(HOME, 2, 10).commits) == [3]
    assert asked.call_count == 2
    assert reads.read(HOME, 3, 10).commits == ()


def test_who_catches_up_does_not_push_out_what_is_new(log: Log, reads: SharedReads, asked: mock.Mock) -> None:
    append(log, 0, 9)
    reads.read(HOME, 6, 10)
    assert seqs(reads.read(HOME, 0, 3).commits) == [1, 2, 3]
    asked.reset_mock()
    assert seqs(reads.read(HOME, 7, 10).commits) == [8, 9]
    assert not asked.called


def test_a_hole_is_seen_by_whoever_comes_to_it(log: Log, reads: SharedReads) -> None:
    append(log, 0, 2)
    log._claim([decision("given-up", 1, partition=HOME)])
    append(log, 2, 1)
    for _ in range(2):
        assert seqs(reads.read(HOME, 0, 10).commits) == [1, 2]
        assert reads.read(HOME, 2, 10).missing == (3,)
    log.close([(HOME, 3)])
    assert seqs(reads.read(HOME, 2, 10).commits) == [3, 4]


@pytest.mark.parametrize("kind", ["mongomock"])  # thousands of reads; that both read alike is tested above
@pytest.mark.parametrize("bounds", [(6, 1_000), (1_000, 6 * COMMIT_BYTES)], ids=["commits", "bytes"])
def test_any_readers_in_any_order_are_given_the_log(
    log: Log, asked: mock.Mock, monkeypatch: pytest.MonkeyPatch, bounds: tuple[int, int]
) -> None:
    monkeypatch.setattr(log, "read_within", asked)
    monkeypatch.setattr(shared_reads, "KEPT", bounds[0])
    monkeypatch.setattr(shared_reads, "KEPT_BYTES", bounds[1])
    append(log, 0, 30)
    held = seqs(log.read(HOME, 0, 100).commits)

    @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 7)), max_size=60))
    def check(turns: list[tuple[int, int]]) -> None:
        reads, seen = SharedReads(log), [list[int]() for _ in range(3)]
        for reader, limit in turns:
            seen[reader] += seqs(reads.read(HOME, len(seen[reader]), limit).commits)
            assert len(reads._kept[HOME].commits) <= 6
        for one in seen:
            assert one == held[: len(one)]

    check()


def test_what_is_read_at_once_is_bounded_in_bytes(
    log: Log, reads: SharedReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_reads, "STRETCH_BYTES", 4 * COMMIT_BYTES)
    append(log, 0, 9)
    assert seqs(reads.read(HOME, 0, 100).commits) == [1, 2, 3, 4]
