"""Attempts at a command: what is under way, what raised, and how often a process died alone with it."""

from typing import Any
from unittest import mock

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from bus.connections.clients import UNSETTLED, StoredDocument
from bus.inbox import attempts as attempts_module
from bus.inbox.attempts import Attempts
from bus.inbox.inbox import Inbox
from tests.contract.accepted import FAILED, SUCCEEDED, accept, found
from tests.support.waiting import until

NO_PIPELINES = pytest.mark.parametrize("kind", ["mongodb"])  # mongomock updates by operators only
LEASE_S = 10


@pytest.fixture
def attempts(write_database: Database[StoredDocument]) -> Attempts:
    return Attempts(write_database)


def away(attempts: Attempts) -> Any:
    """While MongoDB cannot be reached."""
    return mock.patch.object(type(attempts._commands), "bulk_write", side_effect=AutoReconnect("away"))


def counts(inbox: Inbox, command_id: str = "k1") -> tuple[int, int, int]:
    """As the primary has them at the moment: counting does not wait for what it wrote to be settled."""
    as_it_is = inbox._commands.with_options(read_concern=UNSETTLED)
    with mock.patch.object(inbox, "_commands", as_it_is):
        entry = found(inbox, command_id)
    return entry.attempts, entry.errors, entry.open_attempts


def test_an_attempt_is_open_until_something_is_heard_of_it(inbox: Inbox, attempts: Attempts) -> None:
    accept(inbox, "k1")
    accept(inbox, "k2")
    attempts.begin_all(["k1", "k2"])
    attempts.begin_all(["k1"])
    assert (counts(inbox), counts(inbox, "k2")) == ((2, 0, 2), (1, 0, 1))
    assert attempts.count_error("k1", "KeyError()") == 1
    assert counts(inbox) == (2, 1, 1)


def test_errors_are_counted_and_the_last_is_kept(
    inbox: Inbox, attempts: Attempts, write_database: Database[StoredDocument]
) -> None:
    accept(inbox, "k1")
    assert [attempts.count_error("k1", error) for error in ("KeyError()", "ValueError()")] == [1, 2]
    commands = write_database.commands.with_options(read_concern=UNSETTLED)
    kept: Any = commands.find_one({"_id": "k1"})
    assert kept["error"] == "ValueError()"
    assert attempts.count_error("unknown", "KeyError()") == 0


def test_what_passes_by_itself_is_taken_back_with_the_next_that_begins(
    inbox: Inbox, attempts: Attempts
) -> None:
    accept(inbox, "k1")
    accept(inbox, "k2")
    attempts.begin_all(["k1"])
    attempts.take_back("k1")
    attempts.begin_all(["k2"])
    assert counts(inbox) == (0, 0, 0)


def test_what_could_not_be_taken_back_is_still_owed(inbox: Inbox, attempts: Attempts) -> None:
    accept(inbox, "k1")
    attempts.begin_all(["k1"])
    attempts.take_back("k1")
    with away(attempts), pytest.raises(AutoReconnect):
        attempts.begin_all(["k1"])
    attempts.begin_all(["k1"])
    assert counts(inbox) == (1, 0, 1)


def test_nothing_is_taken_back_below_the_errors(inbox: Inbox, attempts: Attempts) -> None:
    """As when an operator's retry has begun the count anew."""
    accept(inbox, "k1")
    attempts.begin_all(["k1"])
    attempts.count_error("k1", "KeyError()")
    for _ in range(2):
        attempts.take_back("k1")
    attempts.begin_all(["k0"])
    assert counts(inbox) == (1, 1, 0)


def test_the_finished_are_not_counted(inbox: Inbox, attempts: Attempts) -> None:
    accept(inbox, "k1")
    inbox.finish_all([("k1", FAILED)])
    attempts.begin_all(["k1"])
    assert counts(inbox) == (0, 0, 0)


@NO_PIPELINES
def test_alone_means_one_at_a_time(inbox: Inbox, attempts: Attempts) -> None:
    accept(inbox, "k1")
    assert attempts.begin_alone("k1") == 0
    assert attempts.begin_alone("k1") is None
    assert counts(inbox) == (1, 0, 1)
    attempts.end_alone("k1")
    assert attempts.begin_alone("k1") == 0, "it ended: its process lives"


@NO_PIPELINES
def test_who_dies_alone_is_counted_once_its_lease_is_over(inbox: Inbox, attempts: Attempts) -> None:
    accept(inbox, "k1")
    begun = [until(lambda: begin(attempts), LEASE_S, "the lease is over") - 1 for _ in range(4)]
    assert begun == [0, 1, 2, 3]


def begin(attempts: Attempts, lease_ms: int = 50) -> int:
    """One more than the deaths before; 0 while the lease is held."""
    with mock.patch.object(attempts_module, "ALONE_MS", lease_ms):
        deaths = attempts.begin_alone("k1")
    return 0 if deaths is None else deaths + 1


@NO_PIPELINES
def test_one_that_takes_longer_than_its_lease_leaves_that_to_the_next(
    inbox: Inbox, write_database: Database[StoredDocument]
) -> None:
    slow, following, third = (Attempts(write_database) for _ in range(3))
    accept(inbox, "k1")
    assert begin(slow) == 1
    until(lambda: begin(following, 60_000) == 1 + 1, LEASE_S, "the slow one counts as dead")
    slow.end_alone("k1")
    assert third.begin_alone("k1") is None, "it ended another's lease"
    following.end_alone("k1")
    assert third.begin_alone("k1") == 0, "nobody died"


@NO_PIPELINES
def test_the_end_of_one_alone_that_could_not_be_told_is_told_before_the_next(
    inbox: Inbox, attempts: Attempts
) -> None:
    accept(inbox, "k1")
    attempts.begin_alone("k1")
    with away(attempts):
        attempts.end_alone("k1")
    assert attempts.begin_alone("k1") == 0


@NO_PIPELINES
def test_the_finished_are_not_begun_alone(inbox: Inbox, attempts: Attempts) -> None:
    accept(inbox, "k1")
    inbox.finish_all([("k1", SUCCEEDED)])
    assert attempts.begin_alone("k1") is None


@NO_PIPELINES
def test_what_began_just_now_may_be_under_way(
    inbox: Inbox, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(inbox, "k1")
    monkeypatch.setattr(attempts_module, "QUIET_MS", 600_000)
    attempts.begin_all(["k1"])
    assert not attempts.are_quiet("k1")
    monkeypatch.setattr(attempts_module, "QUIET_MS", 20)
    until(lambda: attempts.are_quiet("k1"), LEASE_S, "nothing was heard for a while")
    attempts.begin_alone("k1")
    monkeypatch.setattr(attempts_module, "QUIET_MS", 600_000)
    assert not attempts.are_quiet("k1")
