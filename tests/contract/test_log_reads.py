"""Reading the log: by stream, by command, and in the order of the positions."""

from datetime import timedelta

from bus.log.log import Log
from tests.contract.decisions import committed, decision, refusal, tombstone
from tests.support.messages import NOW


def test_the_newest_commit_of_a_stream(log: Log) -> None:
    assert log.newest(0, "a") is None
    committed(log, decision("a", 1))
    committed(log, decision("b", 7))
    second = committed(log, decision("a", 2))
    committed(log, refusal())
    log.close([(0, 5)])
    assert log.newest(0, "a") == second
    assert log.newest(1, "a") is None


def test_the_newest_commits_of_those_that_have_newer_ones(log: Log) -> None:
    committed(log, decision("a", 1))
    committed(log, decision("a", 2))
    third = committed(log, decision("a", 3))
    elsewhere = committed(log, decision("b", 1, partition=1))
    committed(log, decision("c", 1))
    newer = log.newer({(0, "a"): 1, (1, "b"): 0, (0, "c"): 1, (1, "a"): 0, (0, "d"): 0})
    assert {key: (found.seq, found.state, found.events) for key, found in newer.items()} == {
        (0, "a"): (third.seq, third.state, ()),
        (1, "b"): (elsewhere.seq, elsewhere.state, ()),
    }
    assert log.newer({}) == {}


def test_what_a_command_came_to(log: Log) -> None:
    commit = committed(log, decision("a", 1, command_id="k1"))
    refused = committed(log, refusal(command_id="k2"))
    assert log.of_command(0, "k1") == commit
    assert log.of_command(0, "k2") == refused
    assert log.of_command(0, "k3") is None
    assert log.of_command(1, "k1") is None


def test_the_newest_of_a_stream_are_given_the_oldest_first(log: Log) -> None:
    commits = [committed(log, decision("a", version)) for version in (1, 2, 3)]
    committed(log, decision("b", 1))
    assert [(c.seq, c.state) for c in log.latest(0, "a", 2)] == [(c.seq, None) for c in commits[1:]]
    assert [c.version for c in log.latest(0, "a", 9)] == [1, 2, 3]
    assert log.latest(1, "a", 9) == []


def test_what_had_no_effect_on_a_stream(log: Log) -> None:
    committed(log, decision("a", 1))
    quiet = [committed(log, refusal(outcome={"status": "rejected", "stream": "a"})) for _ in range(3)]
    committed(log, refusal(outcome={"status": "rejected", "stream": "b"}))
    assert log.without_effect(0, "a", 2) == quiet[1:]
    assert log.without_effect(0, "a", 9) == quiet
    assert log.without_effect(1, "a", 9) == []


def test_the_newest_commands_of_an_outcome(log: Log) -> None:
    def decided(status: str, limit: int) -> list[str | None]:
        return [commit.command_id for commit in log.decided(status, limit)]

    moments = [NOW + timedelta(seconds=n) for n in range(6)]
    committed(log, decision("a", 1, command_id="k0", decided_at=moments[0]))
    committed(log, decision("b", 1, partition=1, command_id="k1", decided_at=moments[1]))
    for n, status in ((2, "rejected"), (3, "succeeded"), (4, "rejected")):
        outcome = {"status": status, "stream": "a"}
        committed(log, refusal(command_id=f"k{n}", outcome=outcome, decided_at=moments[n]))
    committed(log, decision("a", 2, command_id="k5", decided_at=moments[5]))
    log.close([(0, 9)])
    assert decided("succeeded", 9) == ["k5", "k3", "k1", "k0"]
    assert decided("succeeded", 2) == ["k5", "k3"]
    assert decided("rejected", 9) == ["k4", "k2"]
    assert decided("rejected", 1) == ["k4"]
    assert decided("failed", 9) == []


def test_the_head_is_the_highest_position_that_holds_anything(log: Log) -> None:
    assert log.head(0) == 0
    committed(log, decision())
    assert (log.head(0), log.head(1)) == (1, 0)
    log.close([(0, 5)])
    assert log.head(0) == 5


def test_a_reader_gets_the_contiguous_prefix_and_learns_what_is_missing(log: Log) -> None:
    log.close([(0, seq) for seq in (1, 2, 4, 7, 8)])
    stretch = log.read(0, 0, 100)
    assert [c.seq for c in stretch.commits] == [1, 2]
    assert stretch.missing == (3, 5, 6)
    assert log.read(0, 2, 100).missing == (3, 5, 6)
    assert log.read(0, 2, 100).commits == ()
    assert [c.seq for c in log.read(0, 3, 100).commits] == [4]


def test_a_reader_gets_no_more_than_it_asked_for(log: Log) -> None:
    log.close([(0, seq) for seq in (1, 2, 3, 5)])
    log.close([(1, 1)])
    assert log.read(0, 1, 2).commits == (tombstone(2), tombstone(3))
    assert log.read(0, 1, 2).missing == ()
    assert log.read(0, 5, 2).commits == ()
    assert log.read(0, 5, 2).missing == ()


def test_a_view_of_several_partitions_as_they_are_now_shows_all_that_was_acknowledged(log: Log) -> None:
    first = committed(log, decision("a", 1))
    other = committed(log, decision("b", 1, partition=1))
    with log.now() as now:
        assert [now.head(0), now.head(1)] == [first.seq, other.seq]
        assert now.newest(1, "b") == other
        assert now.history(0, "a") == [first]
        assert now.read(1, 0, 10).commits == (other,)
    with log.now() as nothing:
        assert nothing.head(1) == other.seq
