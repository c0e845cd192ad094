"""An operator's retry and discard: at the end of the order, one operator at a time, and harmless."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bus.dead_letters import failed_commands
from bus.dead_letters.failed_commands import FailedCommands
from bus.errors import RefusedError
from bus.inbox.attempts import Attempts
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from tests.integration.sides import WriteSide, partition
from tests.support import messages
from tests.support.decided import come_to
from tests.support.waiting import until

PATIENCE_S = 30
SAID = {"by": "ann", "reason": "mended"}


@pytest.fixture
def shop(write: WriteSide) -> WriteSide:
    return write


@pytest.fixture
def failed(shop: WriteSide) -> FailedCommands:
    return FailedCommands(shop.database)


def fail(shop: WriteSide, envelope: CommandEnvelope, error: str = "ValueError: no") -> None:
    outcome = Outcome(status=CommandStatus.FAILED, stream="customer-c1", partition=0, error=error)
    come_to(shop.inbox, envelope.command_id, outcome)


def ids(found: list[Any]) -> list[str]:
    return [stored["_id"] for stored in found]


def test_a_retried_command_is_as_if_accepted_now(shop: WriteSide, failed: FailedCommands) -> None:
    envelope = shop.accept(messages.register_customer())
    attempts = Attempts(shop.database)
    attempts.begin_alone("k1")
    attempts.count_error("k1", "ValueError()")
    later = shop.accept(messages.register_customer(customer_id="c2"))
    fail(shop, envelope)
    before = shop.entry(envelope)

    retried = failed.retry("k1", **SAID)

    entry = shop.entry(envelope)
    assert entry.envelope == retried
    assert (entry.status, entry.attempts, entry.errors) == (CommandStatus.ACCEPTED, 0, 0)
    assert (entry.outcome, entry.finished_at) == (None, None)
    assert entry.accepted_ts > shop.entry(later).accepted_ts > before.accepted_ts
    assert retried == envelope.model_copy(update={"accepted_at": retried.accepted_at})
    assert before.finished_at is not None
    assert retried.accepted_at >= before.finished_at, "by mongod's clock"
    stored = shop.database.commands.find_one({"_id": "k1"})
    assert stored is not None
    assert {"alone", "error"} & {*stored} == set()
    [resolution] = stored["resolutions"]
    at = resolution.pop("at")
    assert at >= before.finished_at
    assert resolution == {
        "action": "retried",
        **SAID,
        "error": "ValueError: no",
        "failed_at": before.finished_at,
    }
    assert failed.newest(10) == []


def test_it_is_decided_after_what_was_accepted_meanwhile(shop: WriteSide, failed: FailedCommands) -> None:
    shop.do(messages.register_customer())
    first = shop.accept(messages.change_customer(name="First"))
    fail(shop, first)
    second = shop.accept(messages.change_customer(name="Second"))
    retried = failed.retry(first.command_id, **SAID)
    shop.handling(retried)  # which helps the second first
    history = shop.log.history(partition("c1"), "customer-c1")
    assert [commit.command_id for commit in history] == ["k1", second.command_id, first.command_id]
    assert history[-1].state is not None
    assert history[-1].state["name"] == "First"
    assert history[-1].at == retried.accepted_at


def test_a_retry_of_what_the_log_has_an_outcome_of_copies_it(shop: WriteSide, failed: FailedCommands) -> None:
    """Its handler had been taken for stuck, and appended after all; the stream has moved on since."""
    envelope = shop.accept(messages.register_customer())
    shop.handling(envelope)
    done = shop.outcome(envelope)
    shop.do(messages.change_customer(name="Newer"))
    failure = {"status": "failed", "error": "slow", "stream": "customer-c1", "partition": 0}
    shop.inbox.accept_all([(envelope, None)])
    shop.database.commands.update_one({"_id": "k1"}, {"$set": {"status": "failed", "outcome": failure}})
    before = list(shop.database.commits.find({"stream": {"$exists": True}}))

    shop.elsewhere(failed.retry("k1", **SAID))

    assert shop.outcome(envelope) == done
    assert list(shop.database.commits.find({"stream": {"$exists": True}})) == before


def test_of_many_operators_one_wins(shop: WriteSide, failed: FailedCommands) -> None:
    envelope = shop.accept(messages.register_customer())
    fail(shop, envelope)

    def try_it(number: int) -> bool:
        try:
            if number % 2:
                failed.retry("k1", by=f"op{number}", reason="x")
            else:
                failed.discard("k1", by=f"op{number}", reason="x")
        except RefusedError:
            return False
        return True

    # A discarded command may be retried, by who looks at it after that: at most a discard and then a retry.
    with ThreadPoolExecutor(8) as pool:
        won = sum(pool.map(try_it, range(8)))
    stored = shop.database.commands.find_one({"_id": "k1"})
    assert stored is not None
    actions = [resolution["action"] for resolution in stored["resolutions"]]
    assert len(actions) == won
    assert actions in (["retried"], ["discarded"], ["discarded", "retried"])
    assert ("discarded" in stored) == (actions[-1] == "discarded")


def test_two_operators_that_looked_at_the_same_failure(
    shop: WriteSide, failed: FailedCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = shop.accept(messages.register_customer())
    fail(shop, envelope)
    look = failed._failed
    retried_meanwhile = iter([True])

    def look_and_be_overtaken(command_id: str) -> Any:
        found = look(command_id)
        if next(retried_meanwhile, False):
            failed.retry(command_id, by="bob", reason="faster")
            fail(shop, envelope, "TypeError: once more")
        return found

    monkeypatch.setattr(failed, "_failed", look_and_be_overtaken)
    with pytest.raises(RefusedError, match="somebody else was faster"):
        failed.retry("k1", **SAID)
    assert shop.outcome(envelope).error == "TypeError: once more"


@pytest.mark.parametrize("deal", [FailedCommands.retry, FailedCommands.discard])
def test_an_outcome_that_came_in_between_stands(
    shop: WriteSide, failed: FailedCommands, monkeypatch: pytest.MonkeyPatch, deal: Callable[..., Any]
) -> None:
    envelope = shop.accept(messages.register_customer())
    fail(shop, envelope)
    look = failed._failed
    place = {"stream": "customer-c1", "partition": partition("c1"), "seq": 1}
    done = Outcome(status=CommandStatus.SUCCEEDED, version=1, **place)

    def look_and_be_overtaken(command_id: str) -> Any:
        found = look(command_id)
        come_to(shop.inbox, command_id, done)
        return found

    monkeypatch.setattr(failed, "_failed", look_and_be_overtaken)
    with pytest.raises(RefusedError, match="somebody else was faster"):
        deal(failed, "k1", **SAID)
    assert shop.outcome(envelope) == done


def test_a_discarded_command_stays_failed_and_is_not_listed(shop: WriteSide, failed: FailedCommands) -> None:
    for number in (1, 2):
        fail(shop, shop.accept(messages.register_customer(customer_id=f"c{number}")))
    failed.discard("k1", **SAID)
    assert ids(failed.newest(10)) == ids(failed.newest(1)) == failed.open_ids() == ["k2"]
    assert failed.count_open() == 1
    assert ids(failed.newest(10, discarded=True)) == ["k2", "k1"]
    stored = failed.find("k1")
    assert stored is not None
    assert stored["status"] == "failed"
    assert stored["resolutions"][0].items() >= {"action": "discarded", **SAID}.items()
    with pytest.raises(RefusedError, match="discarded already"):
        failed.discard("k1", **SAID)


def test_a_discarded_command_can_be_retried_and_is_listed_if_it_fails_again(
    shop: WriteSide, failed: FailedCommands
) -> None:
    envelope = shop.accept(messages.register_customer())
    fail(shop, envelope)
    failed.discard("k1", **SAID)
    failed.retry("k1", **SAID)
    fail(shop, envelope)
    [stored] = failed.newest(10)
    assert [resolution["action"] for resolution in stored["resolutions"]] == ["discarded", "retried"]


@pytest.mark.parametrize("status", [s for s in CommandStatus if s is not CommandStatus.FAILED])
def test_what_is_not_failed_is_refused(
    shop: WriteSide, failed: FailedCommands, status: CommandStatus
) -> None:
    shop.accept(messages.register_customer())
    if status is not CommandStatus.ACCEPTED:
        come_to(shop.inbox, "k1", Outcome(status=status, stream="customer-c1", partition=partition("c1")))
        until(lambda: shop.inbox.find("k1") is None, PATIENCE_S, "it has left the inbox")
    before = shop.records.find("k1")
    for deal in (failed.retry, failed.discard):
        with pytest.raises(RefusedError, match=f"k1 is {status}, not failed"):
            deal("k1", **SAID)
    assert shop.records.find("k1") == before
    with pytest.raises(RefusedError, match="no command k9"):
        failed.retry("k9", **SAID)


def test_what_this_build_cannot_read_is_listed_and_not_retried(
    shop: WriteSide, failed: FailedCommands
) -> None:
    envelope = shop.accept(messages.register_customer())
    fail(shop, envelope)
    shop.database.commands.update_one({"_id": "k1"}, {"$set": {"envelope.command.type": "Dance"}})
    assert ids(failed.newest(10)) == ["k1"]
    with pytest.raises(RefusedError, match="cannot be read by this build"):
        failed.retry("k1", **SAID)
    failed.discard("k1", **SAID)


@pytest.mark.parametrize("where", [failed_commands._FAILED, failed_commands._OPEN], ids=["all", "open"])
def test_listing_costs_what_failed_and_not_the_whole_inbox(shop: WriteSide, where: dict[str, Any]) -> None:
    shop.do(messages.register_customer())
    find = {"find": "commands", "filter": where, "sort": {"finished_at": -1}}
    plan = shop.database.command("explain", find, verbosity="executionStats")
    assert plan["executionStats"]["totalDocsExamined"] == 0
