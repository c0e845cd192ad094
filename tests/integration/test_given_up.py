"""What a command is charged with, and what becomes of a handler that was given up and wakes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock

import pytest
from pymongo.errors import AutoReconnect

from bus.connections.clients import UNSETTLED, write_database
from bus.dead_letters.failed_commands import FailedCommands
from bus.errors import AlreadyCommittedError
from bus.inbox.attempts import Attempts
from bus.inbox.inbox import InboxEntry
from bus.log.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.settings import Settings
from tests.integration.sides import WriteSide, partition
from tests.interleavings.stopped import Stopped, stopped
from tests.support import messages
from write_side.handling import decisions, outcomes
from write_side.handling.isolation import DEATHS_ALONE, SUSPECT_AT_ONCE

MAX_ERRORS = 3
OFTEN = SUSPECT_AT_ONCE + 3
SAID = {"by": "ann", "reason": "mended"}
FAILED, SUCCEEDED, REJECTED = CommandStatus.FAILED, CommandStatus.SUCCEEDED, CommandStatus.REJECTED


@pytest.fixture
def shop(settings: Settings) -> Iterator[WriteSide]:
    database = write_database(settings)
    shop = WriteSide(database, MAX_ERRORS)
    shop.create()
    yield shop
    database.client.close()


def _away(*_: Any, **__: Any) -> Any:
    raise AutoReconnect("away")


def _handled_while(shop: WriteSide, envelope: CommandEnvelope, owner: Any, step: str) -> None:
    """Handle a command again and again while MongoDB goes away at a step."""
    with mock.patch.object(owner, step, _away):
        for _ in range(OFTEN):
            with pytest.raises(AutoReconnect):
                shop.handling(envelope)


@pytest.mark.parametrize("step", ["load", "append", "note"])
def test_what_could_not_be_done_while_mongodb_was_away_is_not_charged(shop: WriteSide, step: str) -> None:
    envelope = shop.accept(messages.register_customer())
    owner, method = {
        "load": (shop.handling.decider, "newest"),
        "append": (shop.handling.decider, "append"),
        "note": (shop.inbox, "finish_all"),
    }[step]
    _handled_while(shop, envelope, owner, method)
    Attempts.begin_all(shop.handling.isolation._attempts, [])  # what is owed goes with the next that begins
    entry = shop.entry(envelope)
    assert (entry.attempts, entry.errors, entry.open_attempts) == (0, 0, 0)
    outcome = shop.handling(envelope)
    assert outcome is not None
    assert (outcome.status, outcome.version) == (SUCCEEDED, 1)


def test_alone_it_is_not_charged_either(shop: WriteSide) -> None:
    envelope = shop.accept(messages.register_customer())
    shop.database.commands.update_one({"_id": "k1"}, {"$set": {"attempts": SUSPECT_AT_ONCE}})
    _handled_while(shop, envelope, shop.inbox, "finish_all")
    as_it_is = shop.database.commands.with_options(read_concern=UNSETTLED)
    stored = as_it_is.find_one({"_id": "k1"})
    assert stored is not None
    assert stored["alone"] == 0
    assert "alone_until" not in stored
    assert shop.handling(envelope) == shop.outcome(envelope)
    assert shop.outcome(envelope).status is SUCCEEDED


def test_one_that_could_not_be_noted_charges_none_beside_it(shop: WriteSide) -> None:
    """One raises for a reason of its own and is counted; then MongoDB is away for the others' outcomes."""
    good, bad = shop.accept(messages.add_product()), shop.accept(messages.register_customer())
    decide = decisions.decide_one

    def decided(entry: Any, *others: Any) -> Any:
        if entry.command_id == bad.command_id:
            raise ZeroDivisionError
        return decide(entry, *others)

    entries = [shop.entry(one) for one in (good, bad)]
    with (
        shop.inbox.session() as session,
        mock.patch.object(decisions, "decide_one", decided),
        mock.patch.object(shop.inbox, "finish_all", _away),
        pytest.raises(AutoReconnect),
    ):
        shop.handling.isolation.together(entries, session)
    shop.handling.isolation._attempts.begin_all([])
    charged = [(shop.entry(one).attempts, shop.entry(one).errors) for one in (good, bad)]
    assert charged == [(0, 0), (1, 1)]


def test_an_outcome_that_the_log_does_not_show_yet_is_not_charged(shop: WriteSide) -> None:
    envelope = shop.accept(messages.register_customer())
    shop.do(messages.add_product())  # in another's hands the first is decided, and not seen to be
    with (
        mock.patch.object(shop.handling.decider, "append", lambda d: [AlreadyCommittedError(x) for x in d]),
        mock.patch.object(Log, "of_command", return_value=None),
    ):
        for _ in range(OFTEN):
            with pytest.raises(AlreadyCommittedError):
                shop.handling(envelope)
    assert shop.handling(envelope) == shop.outcome(envelope)
    assert shop.outcome(envelope).status is SUCCEEDED


def _raises(shop: WriteSide, envelope: CommandEnvelope) -> Outcome:
    """It keeps raising until it is kept as failed."""
    with mock.patch.object(decisions, "decide_one", side_effect=ZeroDivisionError("a bug")):
        for _ in range(MAX_ERRORS):
            with suppress(ZeroDivisionError):
                shop.handling(envelope)
    return shop.outcome(envelope)


def _kills(shop: WriteSide, envelope: CommandEnvelope) -> Outcome:
    """It has been alone each time that its worker died."""
    dead = {"attempts": SUSPECT_AT_ONCE, "alone": DEATHS_ALONE}
    shop.database.commands.update_one({"_id": envelope.command_id}, {"$set": dead})
    shop.handling(envelope)
    return shop.outcome(envelope)


@contextmanager
def _stalled(shop: WriteSide, envelope: CommandEnvelope) -> Iterator[Stopped[Outcome | None]]:
    """Another worker has decided it, and stands still before the append."""
    other = WriteSide(shop.database)
    with stopped(Log, "_claim", lambda: other.handling(envelope)) as handler:
        yield handler


given_up = pytest.mark.parametrize("fails", [_raises, _kills])


@given_up
def test_a_handler_that_wakes_after_the_failure_appends_nothing(
    shop: WriteSide, fails: Callable[[WriteSide, CommandEnvelope], Outcome]
) -> None:
    """What was decided after it, as if it had come to nothing, is right for ever."""
    added = shop.accept(messages.add_product())
    with _stalled(shop, added) as handler:
        failed = fails(shop, added)
        changed = shop.do(messages.change_product(name="Pot"))
        woken = handler.go_on()
    assert (failed.status, changed.status) == (FAILED, REJECTED)
    assert woken == failed == shop.outcome(added)
    assert shop.database.commits.count_documents({"stream": {"$exists": True}}) == 0
    assert shop.database.commits.count_documents({"command_id": added.command_id}) == 1


@given_up
def test_who_was_faster_than_the_failure_is_not_belied(
    shop: WriteSide, fails: Callable[[WriteSide, CommandEnvelope], Outcome]
) -> None:
    added = shop.accept(messages.add_product())
    give_up = outcomes.failed
    with _stalled(shop, added) as handler:

        def failed(entry: InboxEntry, error: BaseException) -> Outcome:
            handler.go_on()
            return give_up(entry, error)

        with mock.patch.object(outcomes, "failed", failed):
            outcome = fails(shop, added)
    assert (outcome.status, outcome.version) == (SUCCEEDED, 1)


@given_up
def test_a_retry_after_it_is_decided_once_at_the_end_of_the_order(
    shop: WriteSide, fails: Callable[[WriteSide, CommandEnvelope], Outcome]
) -> None:
    shop.do(messages.register_customer())
    first = shop.accept(messages.change_customer(name="First"))
    failed = fails(shop, first)
    shop.do(messages.change_customer(name="Second"))
    head = shop.log.head(partition("c1"))
    again = shop.handling(FailedCommands(shop.database).retry(first.command_id, **SAID))
    assert again is not None
    assert (again.status, again.version) == (SUCCEEDED, 3)
    assert failed.seq is not None
    assert shop.outcome(first) == again
    # Its place in the log is a tombstone, so every reader goes on over it.
    stretch = shop.log.read(partition("c1"), 0, 10)
    assert (len(stretch.commits), stretch.missing) == (head + 1, ())
    tombstone = shop.database.commits.find_one({"seq": failed.seq, "partition": failed.partition}, {"_id": 0})
    assert tombstone == {"partition": failed.partition, "seq": failed.seq}


def test_a_discarded_command_can_come_to_nothing_else(shop: WriteSide) -> None:
    added = shop.accept(messages.add_product())
    with _stalled(shop, added) as handler:
        failed = _raises(shop, added)
        FailedCommands(shop.database).discard(added.command_id, **SAID)
        assert handler.go_on() == failed
    assert shop.outcome(added) == failed


def test_a_handler_that_wakes_at_the_end_of_a_retry_is_right(shop: WriteSide) -> None:
    added = shop.accept(messages.add_product())
    failed = FailedCommands(shop.database)
    take_out = failed._take_out_of_the_log
    with _stalled(shop, added) as handler:
        _raises(shop, added)

        def taken_out(stored: Any) -> None:
            take_out(stored)
            handler.go_on()

        with mock.patch.object(failed, "_take_out_of_the_log", taken_out):
            retried = failed.retry(added.command_id, **SAID)
    assert shop.outcome(added).status is SUCCEEDED
    assert shop.handling(retried) is None, "there is nothing left to do"


def test_a_handler_that_stalled_before_it_noted_the_failure_does_not_undo_a_retry(shop: WriteSide) -> None:
    added = shop.accept(messages.add_product())
    stalled = shop.entry(added)
    failure = _raises(shop, added)
    retried = FailedCommands(shop.database).retry(added.command_id, **SAID)
    shop.inbox.finish_all([(added.command_id, failure)], {added.command_id: stalled.accepted_ts})
    assert not shop.is_finished(added)
    again = shop.handling(retried)
    assert again is not None
    shop.inbox.finish_all([(added.command_id, failure)], {added.command_id: stalled.accepted_ts})
    assert (again.status, shop.outcome(added).status) == (SUCCEEDED, SUCCEEDED)


def test_a_retry_that_is_killed_in_the_middle_fails_again_and_can_be_retried(shop: WriteSide) -> None:
    """The log has the failure still, so whoever is decided meanwhile is decided after a failure."""
    added = shop.accept(messages.add_product())
    failure = _raises(shop, added)
    failed = FailedCommands(shop.database)
    killed = mock.patch.object(failed, "_take_out_of_the_log", side_effect=KeyboardInterrupt)
    with killed, pytest.raises(KeyboardInterrupt):
        failed.retry(added.command_id, **SAID)
    assert shop.handling(shop.entry(added).envelope) == failure == shop.outcome(added)
    again = shop.handling(failed.retry(added.command_id, **SAID))
    assert again is not None
    assert again.status is SUCCEEDED


def test_a_failure_that_the_log_does_not_take_is_kept_all_the_same(shop: WriteSide) -> None:
    envelope = shop.accept(messages.register_customer())
    with mock.patch.object(shop.handling.decider, "append", side_effect=OverflowError("too large")):
        for _ in range(MAX_ERRORS):
            with suppress(OverflowError):
                shop.handling(envelope)
    assert (shop.outcome(envelope).status, shop.outcome(envelope).seq) == (FAILED, None)
    again = shop.handling(FailedCommands(shop.database).retry(envelope.command_id, **SAID))
    assert again is not None
    assert again.status is SUCCEEDED
