"""Writers of the log that get in each other's way between claiming a position and inserting."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest import mock

from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.errors import VersionConflictError
from bus.log.commit import Commit, Decision
from bus.log.log import Appended, Log
from bus.primitives.group_commit import GroupCommit
from tests.contract.decisions import append, committed, decision
from tests.interleavings.log_protections import CLOSING, IN_ORDER, LOCK, NO_HOLES, with_whole_index
from tests.interleavings.protection import Protection, must, protected_by
from tests.interleavings.stopped import PATIENCE_S, stopped
from tests.support.waiting import until


def _created(database: Database[StoredDocument]) -> Log:
    log = Log(database, 1)
    log.create()
    return log


def _versions(database: Database[StoredDocument], stream: str) -> list[int]:
    """As they stand in the log, gaps or not."""
    return [stored["version"] for stored in database.commits.find({"stream": stream}).sort("seq")]


@protected_by(
    Protection("the lock leaving tombstones out", NO_HOLES, lambda: with_whole_index("optimistic_lock")),
    Protection("idempotency leaving tombstones out", NO_HOLES, lambda: with_whole_index("idempotency")),
    CLOSING,
)
def test_two_tombstones_in_one_partition(database: Database[StoredDocument]) -> None:
    """Two writers claim, both find their version taken, and both close what they claimed."""
    log = _created(database)
    with (
        stopped(Log, "_insert", lambda: append(log, decision("a", 1))) as first,
        stopped(Log, "_insert", lambda: append(log, decision("b", 1))) as second,
    ):
        committed(log, decision("a", 1))
        committed(log, decision("b", 1))
        refused = [first.go_on(), second.go_on()]
    assert all(isinstance(each, VersionConflictError) for each in refused)
    stretch = log.read(0, 0, 100)
    must(NO_HOLES, stretch.missing, ())
    assert [commit.stream for commit in stretch.commits] == [None, None, "a", "b"]


@contextmanager
def _positions_used_again() -> Iterator[None]:
    """Who has to decide again keeps the position that it had claimed."""
    claim = Log._claim
    had: dict[str, int] = {}

    def claim_once(log: Log, decisions: Sequence[Decision]) -> list[Commit]:
        return [
            one.at_position(had.setdefault(str(one.command_id), new.seq))
            for one, new in zip(decisions, claim(log, decisions), strict=True)
        ]

    with mock.patch.object(Log, "_claim", claim_once), mock.patch.object(Log, "close", return_value=0):
        yield


@protected_by(LOCK, CLOSING, Protection("claiming anew", IN_ORDER, _positions_used_again))
def test_a_conflict_after_claiming_a_position(database: Database[StoredDocument]) -> None:
    """Who loses the race has the earlier position and, deciding again, the later version."""
    log = _created(database)

    def writes() -> Commit:
        for _ in range(2):
            newest = log.newest(0, "a")
            version = (newest.version or 0) + 1 if newest else 1
            appended = append(log, decision("a", version, command_id="slow"))
            if isinstance(appended, Commit):
                return appended
        raise AssertionError(appended)

    with stopped(Log, "_insert", writes) as slow:
        quick = committed(log, decision("a", 1))
        late = slow.go_on()
    must(IN_ORDER, _versions(database, "a"), [1, 2])
    stretch = log.read(0, 0, 100)
    must(NO_HOLES, stretch.missing, ())
    assert stretch.commits == (Commit(partition=0, seq=1), quick, late)


@protected_by(LOCK, CLOSING)
def test_two_decisions_about_one_stream_meeting_in_one_batch(database: Database[StoredDocument]) -> None:
    """Both were made on the same version; one is in, the other is made again on top of it."""
    log = _created(database)
    sizes: list[int] = []

    def appends(decisions: list[Decision]) -> list[Appended]:
        sizes.append(len(decisions))
        return log.append(decisions)

    together = GroupCommit(appends)
    with (
        ThreadPoolExecutor(2) as pool,
        stopped(Log, "_insert", lambda: together(decision("b", 1))) as in_flight,
    ):
        meeting = [pool.submit(together, decision("a", 1, command_id=name)) for name in ("k1", "k2")]
        until(lambda: len(together._waiting) == len(meeting), PATIENCE_S, "both wait for the one in flight")
        in_flight.go_on()
        errors = [one.exception(PATIENCE_S) for one in meeting]
    assert sizes == [1, 2]
    must(IN_ORDER, [type(error) for error in errors if error], [VersionConflictError])
    loser = "k1" if errors[0] else "k2"
    committed(log, decision("a", 2, command_id=loser))
    must(IN_ORDER, _versions(database, "a"), [1, 2])
    must(NO_HOLES, log.read(0, 0, 100).missing, ())
