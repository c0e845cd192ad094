"""What a command came to: kept as it is, and not taken back."""

from typing import Any

import pytest
from pymongo.database import Database

from bus.connections import Documents
from bus.inbox import Inbox
from bus.messages.outcome import CommandStatus, Outcome
from tests.contract.accepted import FAILED, REJECTED, SUCCEEDED, accept, found, ids


@pytest.mark.parametrize("outcome", [SUCCEEDED, REJECTED, FAILED], ids=lambda outcome: outcome.status)
def test_an_outcome_is_kept_as_it_is(inbox: Inbox, outcome: Outcome) -> None:
    accept(inbox, "k1")
    accept(inbox, "k2")
    inbox.finish_all([("k1", outcome)])
    entry = found(inbox)
    assert (entry.status, entry.outcome, entry.finished) == (outcome.status, outcome, True)
    assert entry.finished_at is not None
    assert entry.finished_at.tzinfo is not None
    assert ids(inbox.unfinished(["k1", "k2"])) == ["k2"]


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        (SUCCEEDED, REJECTED, SUCCEEDED),
        (SUCCEEDED, FAILED, SUCCEEDED),
        (REJECTED, SUCCEEDED, REJECTED),
        (REJECTED, FAILED, REJECTED),
        (FAILED, SUCCEEDED, SUCCEEDED),
        (FAILED, REJECTED, REJECTED),
        (FAILED, FAILED.model_copy(update={"error": "KeyError()"}), FAILED),
    ],
)
def test_the_outcome_of_the_log_stands(
    inbox: Inbox, first: Outcome, second: Outcome, stands: Outcome
) -> None:
    accept(inbox, "k1")
    inbox.finish_all([("k1", first)])
    inbox.finish_all([("k1", second)])
    assert found(inbox).outcome == stands
    assert found(inbox).status == stands.status


def test_a_failure_is_noted_only_while_the_command_has_the_place_that_it_was_handled_at(inbox: Inbox) -> None:
    accept(inbox, "k0")
    accept(inbox, "k1")
    before = found(inbox, "k0").accepted_ts  # an operator's retry has given k1 another one since
    inbox.finish_all([("k1", FAILED)], {"k1": before})
    assert not found(inbox).finished
    inbox.finish_all([("k1", FAILED)], {"k1": found(inbox).accepted_ts})
    assert found(inbox).outcome == FAILED
    inbox.finish_all([("k1", SUCCEEDED)], {"k1": before})
    assert found(inbox).outcome == SUCCEEDED, "the log has it, whoever says so"


def test_several_are_finished_at_once(inbox: Inbox) -> None:
    for key in ("k1", "k2", "k3"):
        accept(inbox, key)
    inbox.finish_all([("k1", SUCCEEDED), ("k0", SUCCEEDED), ("k3", FAILED), ("k1", FAILED)])
    assert [found(inbox, key).outcome for key in ("k1", "k2", "k3")] == [SUCCEEDED, None, FAILED]
    assert inbox.find("k0") is None


def test_one_that_this_build_cannot_read_is_kept_as_failed_and_hides_no_other(
    inbox: Inbox, write_database: Database[Documents]
) -> None:
    for key in ("k1", "k2"):
        accept(inbox, key)
    write_database.commands.update_one({"_id": "k1"}, {"$set": {"envelope.envelope_version": 99}})
    assert ids(inbox.unfinished(["k1", "k2"])) == ["k2"]
    kept: Any = write_database.commands.find_one({"_id": "k1"})
    assert kept["status"] == CommandStatus.FAILED
    assert "envelope_version" in kept["outcome"]["error"]
