"""What a command came to: kept as it is, and not taken back."""

from typing import Any

import pytest
from pymongo.database import Database

from bus.connections.clients import UNSETTLED, StoredDocument
from bus.inbox.inbox import Inbox
from bus.messages.outcome import CommandStatus, Outcome
from tests.contract.accepted import FAILED, REJECTED, SUCCEEDED, accept, found, ids


def left(inbox: Inbox) -> set[str]:
    """The ids that are still there, settled or not: that a command leaves is not waited for."""
    unsettled = inbox._commands.with_options(read_concern=UNSETTLED)
    return {stored["_id"] for stored in unsettled.find({}, {"_id": True})}


@pytest.mark.parametrize("outcome", [SUCCEEDED, REJECTED], ids=lambda outcome: outcome.status)
def test_what_the_log_has_an_outcome_of_leaves(inbox: Inbox, outcome: Outcome) -> None:
    accept(inbox, "k1")
    accept(inbox, "k2")
    inbox.finish_all([("k1", outcome)])
    assert left(inbox) == {"k2"}
    assert inbox.still_unfinished(["k1", "k2"]) == ["k2"]


def test_a_failure_is_kept_as_it_is(inbox: Inbox) -> None:
    accept(inbox, "k1")
    accept(inbox, "k2")
    inbox.finish_all([("k1", FAILED)])
    entry = found(inbox)
    assert (entry.status, entry.outcome, entry.finished) == (CommandStatus.FAILED, FAILED, True)
    assert entry.finished_at is not None
    assert entry.finished_at.tzinfo is not None
    assert ids(inbox.unfinished(["k1", "k2"])) == ["k2"]


def test_the_first_failure_stands_until_the_log_has_an_outcome(inbox: Inbox) -> None:
    accept(inbox, "k1")
    inbox.finish_all([("k1", FAILED)])
    inbox.finish_all([("k1", FAILED.model_copy(update={"error": "KeyError()"}))])
    assert found(inbox).outcome == FAILED
    inbox.finish_all([("k1", REJECTED)])
    assert left(inbox) == set()


def test_one_that_an_operator_has_had_to_do_with_stays_with_its_outcome(
    inbox: Inbox, write_database: Database[StoredDocument]
) -> None:
    for key in ("k1", "k2"):
        accept(inbox, key)
    write_database.commands.update_one({"_id": "k1"}, {"$set": {"resolutions": [{"action": "retried"}]}})
    inbox.finish_all([("k1", SUCCEEDED), ("k2", SUCCEEDED)])
    assert left(inbox) == {"k1"}
    assert (found(inbox).status, found(inbox).outcome) == (CommandStatus.SUCCEEDED, SUCCEEDED)
    inbox.finish_all([("k1", REJECTED), ("k1", FAILED)])
    assert found(inbox).outcome == SUCCEEDED


def test_a_failure_is_noted_only_while_the_command_has_the_place_that_it_was_handled_at(inbox: Inbox) -> None:
    accept(inbox, "k0")
    accept(inbox, "k1")
    before = found(inbox, "k0").accepted_ts  # an operator's retry has given k1 another one since
    inbox.finish_all([("k1", FAILED)], {"k1": before})
    assert not found(inbox).finished
    inbox.finish_all([("k1", FAILED)], {"k1": found(inbox).accepted_ts})
    assert found(inbox).outcome == FAILED
    inbox.finish_all([("k1", SUCCEEDED)], {"k1": before})
    assert left(inbox) == {"k0"}, "the log has it, whoever says so"


def test_several_are_finished_at_once(inbox: Inbox) -> None:
    for key in ("k1", "k2", "k3"):
        accept(inbox, key)
    inbox.finish_all([("k1", SUCCEEDED), ("k0", SUCCEEDED), ("k3", FAILED)])
    assert left(inbox) == {"k2", "k3"}
    assert [found(inbox, key).outcome for key in ("k2", "k3")] == [None, FAILED]


def test_what_should_not_have_been_accepted_is_withdrawn(inbox: Inbox) -> None:
    for key in ("k1", "k2"):
        accept(inbox, key)
    inbox.finish_all([("k2", FAILED)])
    inbox.withdraw(["k1", "k2", "k3"])
    assert left(inbox) == {"k2"}, "a failure is kept"


def test_one_that_this_build_cannot_read_is_kept_as_failed_and_hides_no_other(
    inbox: Inbox, write_database: Database[StoredDocument]
) -> None:
    for key in ("k1", "k2"):
        accept(inbox, key)
    write_database.commands.update_one({"_id": "k1"}, {"$set": {"envelope.envelope_version": 99}})
    assert ids(inbox.unfinished(["k1", "k2"])) == ["k2"]
    kept: Any = write_database.commands.find_one({"_id": "k1"})
    assert kept["status"] == CommandStatus.FAILED
    assert "envelope_version" in kept["outcome"]["error"]
