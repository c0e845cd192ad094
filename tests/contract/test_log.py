"""Appending to the log: positions, the optimistic lock, idempotency, tombstones."""

from collections.abc import Callable
from unittest import mock

import pytest
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.errors import AlreadyCommittedError, LogMismatchError, VersionConflictError
from bus.log.commit import Commit, Decision
from bus.log.log import CLAIM_TRIES, Log
from tests.contract.decisions import PARTITIONS, append, committed, decision, refusal, tombstone


def everything(log: Log, partition: int = 0) -> tuple[Commit, ...]:
    """The partition to its head; a gap in it would be an error."""
    stretch = log.read(partition, 0, 1_000)
    assert not stretch.missing
    return stretch.commits


def test_creating_it_again_changes_nothing(log: Log, write_database: Database[StoredDocument]) -> None:
    log.close([(0, 1), (0, 2)])
    kept = committed(log, decision())
    before = write_database.commits.index_information()
    Log(write_database, PARTITIONS).create()
    assert write_database.commits.index_information() == before
    assert kept in everything(log)


def test_another_number_of_partitions_is_refused(log: Log, write_database: Database[StoredDocument]) -> None:
    with pytest.raises(LogMismatchError, match=r"is 3, .* with 2"):
        Log(write_database, PARTITIONS + 1).create()
    Log(write_database, PARTITIONS).create()


def test_positions_are_consecutive_in_each_partition(log: Log) -> None:
    first = [decision("a", 1), decision("x", 1, partition=1), decision("b", 1)]
    second = [decision("y", 1, partition=1), decision("c", 1)]
    appended = [c for batch in (first, second) for c in log.append(batch) if isinstance(c, Commit)]
    assert [(c.stream, c.partition, c.seq) for c in appended] == [
        ("a", 0, 1),
        ("x", 1, 1),
        ("b", 0, 2),
        ("y", 1, 2),
        ("c", 0, 3),
    ]
    assert everything(log, 0) == (appended[0], appended[2], appended[4])
    assert everything(log, 1) == (appended[1], appended[3])


def test_the_same_stream_and_command_in_another_partition_are_others(log: Log) -> None:
    committed(log, decision("a", 1, command_id="k1"))
    assert committed(log, decision("a", 1, command_id="k1", partition=1)).seq == 1


def test_the_second_to_write_a_version_conflicts_and_leaves_a_tombstone(log: Log) -> None:
    kept = committed(log, decision("a", 1))
    assert isinstance(append(log, decision("a", 1)), VersionConflictError)
    following = committed(log, decision("a", 2))
    assert everything(log) == (kept, tombstone(2), following)


def test_a_command_is_committed_once_whatever_it_would_commit_the_second_time(log: Log) -> None:
    kept = committed(log, decision("a", 1, command_id="k1"))
    again = [decision("a", 2, command_id="k1"), refusal(command_id="k1")]
    for repeated in again:
        assert isinstance(append(log, repeated), AlreadyCommittedError)
    assert everything(log) == (kept, tombstone(2), tombstone(3))


def test_a_refused_command_stays_refused(log: Log) -> None:
    kept = committed(log, refusal(command_id="k1"))
    assert isinstance(append(log, decision("a", 1, command_id="k1")), AlreadyCommittedError)
    assert everything(log) == (kept, tombstone(2))


def test_a_repeated_command_in_conflict_with_itself_is_one_of_the_two_and_one_tombstone(log: Log) -> None:
    redelivered = decision("a", 1, command_id="k1")
    kept = committed(log, redelivered)
    assert isinstance(append(log, redelivered), AlreadyCommittedError | VersionConflictError)
    assert everything(log) == (kept, tombstone(2))


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (decision("a", 1), VersionConflictError),
        (refusal(command_id="k1"), AlreadyCommittedError),
    ],
    ids=["version", "command"],
)
def test_the_first_that_is_refused_ends_it_and_nothing_after_it_is_in_the_log(
    log: Log, refused: Decision, error: type[Exception]
) -> None:
    kept = log.append([decision("a", 1, command_id="k1"), decision("z", 1, partition=1)])
    batch = [
        decision("b", 1),
        decision("b", 2),
        decision("c", 1, partition=1),
        refused,
        decision("b", 3),
        decision("d", 1, partition=1),
    ]
    b1, b2, c, refusal_of_it = log.append(batch)
    assert isinstance(refusal_of_it, error)
    assert everything(log, 0) == (kept[0], b1, b2, tombstone(4), tombstone(5))
    assert everything(log, 1) == (kept[1], c, tombstone(3, 1))
    again = log.append([batch[4]])
    assert [one.seq for one in again if isinstance(one, Commit)] == [6]


def test_refusals_and_tombstones_do_not_collide(log: Log) -> None:
    assert log.close([(0, 1), (0, 2), (1, 1)]) == 3
    refused = [committed(log, refusal()) for _ in range(2)]
    assert everything(log) == (tombstone(1), tombstone(2), *refused)


def test_nothing_to_close_is_nothing(log: Log) -> None:
    assert log.close([]) == 0
    assert log.head(0) == 0


def test_closing_what_is_taken_changes_nothing(log: Log) -> None:
    kept = committed(log, decision())
    log.close([(0, 2)])
    assert log.close([(0, 1), (0, 2)]) == 0
    assert log.close([(0, 1), (0, 3)]) == 1
    assert everything(log) == (kept, tombstone(2), tombstone(3))


def test_a_writer_whose_position_was_closed_claims_another(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Log._insert

    def closed_meanwhile(self: Log, documents: list[StoredDocument], **how: bool) -> dict[int, set[str]]:
        monkeypatch.setattr(Log, "_insert", slow)
        self.close([(0, 1), (0, 3)])
        return slow(self, documents, **how)

    monkeypatch.setattr(Log, "_insert", closed_meanwhile)
    appended = log.append([decision("a", 1), decision("b", 1), decision("c", 1)])
    by_stream = {c.stream: c for c in appended if isinstance(c, Commit)}
    assert [c.seq for c in by_stream.values()] == [4, 5, 6], "what comes after it may rest on it"
    assert everything(log) == (*map(tombstone, (1, 2, 3)), *(by_stream[stream] for stream in "abc"))


def test_a_counter_that_is_behind_is_caught_up_with_in_one_step(
    log: Log, write_database: Database[StoredDocument]
) -> None:
    """The counter was lost or set back: by a failover, a kill of mongod, or a backup restored in part."""
    log.close([(0, seq) for seq in range(1, 2 * CLAIM_TRIES)])
    write_database.positions.delete_many({})
    with mock.patch.object(log, "_claim", wraps=log._claim) as claims:
        [commit] = log.append([decision()])
    assert isinstance(commit, Commit)
    assert (commit.seq, claims.call_count) == (2 * CLAIM_TRIES, 2)


def newer_now(log: Log) -> object:
    with log.now() as now:
        return now.newer({(0, "a"): 0, (0, "b"): 1})


READINGS: dict[str, Callable[[Log], object]] = {
    "newest": lambda log: log.newest(0, "a"),
    "newer": lambda log: log.newer({(0, "a"): 0, (0, "b"): 0}),
    "a view of it": newer_now,
    "history": lambda log: log.history(0, "a"),
    "of_command": lambda log: log.of_command(0, "k1"),
}


@pytest.mark.parametrize("reading", READINGS)
def test_a_decision_stands_above_what_was_read_whatever_the_counter_says(
    reading: str, log: Log, write_database: Database[StoredDocument]
) -> None:
    """The claim of what it rests on was lost with a primary; the commit itself reached the next one."""
    log.close([(0, seq) for seq in range(1, 40)])
    write_database.positions.insert_one({"_id": "claimed", "0": 39})
    committed(log, decision("a", 1, command_id="k1"))
    write_database.positions.delete_many({})
    another = Log(write_database, PARTITIONS)  # the next process
    READINGS[reading](another)
    appended = another.append([decision("a", 2), decision("b", 1), decision("c", 1, partition=1)])
    assert [(c.partition, c.seq) for c in appended if isinstance(c, Commit)] == [(0, 41), (0, 42), (1, 1)]


def test_a_writer_that_finds_position_after_position_taken_gives_up(log: Log) -> None:
    """Nothing that may happen comes to this: each claim is above everything there was."""
    log.close([(0, seq) for seq in range(1, CLAIM_TRIES + 2)])
    with mock.patch.object(log, "_occupied", return_value=0), pytest.raises(LogMismatchError, match="taken"):
        log.append([decision()])
