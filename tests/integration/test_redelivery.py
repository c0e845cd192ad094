"""The same command again: late, at the same time, and after its handler died or gave up."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from pymongo.errors import AutoReconnect, NetworkTimeout, WTimeoutError

from bus.connections.clients import write_database
from bus.errors import VersionConflictError
from bus.log.commit import Decision
from bus.log.log import Appended
from bus.messages.outcome import CommandStatus
from bus.messages.registry import AnyCommand
from bus.messages.streams import partition_of
from bus.settings import Settings
from tests.integration.sides import WriteSide, partition
from tests.support import messages
from write_side.domain.aggregates import Aggregate, aggregate_for
from write_side.domain.customers import Customer
from write_side.handling import decider, decisions

THREADS = 3
"""Workers at a command at the same time: fewer than make it a suspect (``isolation.SUSPECT_AT_ONCE``)."""
MAX_ATTEMPTS = 3


class Died(BaseException):
    """The handler's process is gone."""


@pytest.fixture
def shop(settings: Settings) -> Iterator[WriteSide]:
    database = write_database(settings)
    shop = WriteSide(database, MAX_ATTEMPTS)
    shop.create()
    yield shop
    database.client.close()


def _commits(shop: WriteSide) -> list[Any]:
    """What the log holds for commands: (command, stream, version), without tombstones."""
    found = shop.database.commits.find({"command_id": {"$exists": True}}).sort(["partition", "seq"])
    return [(stored["command_id"], stored.get("stream"), stored.get("version")) for stored in found]


def _raising(error: Exception) -> Any:
    def aggregate(command: AnyCommand) -> Aggregate[Any, Any, Any]:
        return replace(aggregate_for(command), decide=mock.Mock(side_effect=error))

    return mock.patch.object(decisions, "aggregate_for", aggregate)


def test_a_command_that_comes_again_has_no_second_effect(shop: WriteSide) -> None:
    envelope = shop.accept(messages.register_customer())
    outcome = shop.handling(envelope)
    assert shop.handling(envelope) is None
    assert shop.outcome(envelope) == outcome
    shop.inbox.accept_all([(envelope, None)])  # as when a killed mongod has lost that it left
    assert shop.elsewhere(envelope) == outcome
    assert shop.is_finished(envelope)
    assert _commits(shop) == [("k1", "customer-c1", 1)]
    assert len(shop.announcer.rung) == 2


@pytest.mark.parametrize(
    "command",
    [messages.change_customer(name="Bo"), messages.change_customer(), messages.register_customer()],
    ids=["effect", "quiet", "refusal"],
)
def test_many_handlers_of_one_command_come_to_one_outcome(shop: WriteSide, command: AnyCommand) -> None:
    shop.do(messages.register_customer())
    envelope = shop.accept(command)
    with ThreadPoolExecutor(THREADS) as pool:
        came_to = set(pool.map(shop.elsewhere, [envelope] * THREADS))
    assert came_to - {None} == {shop.outcome(envelope)}
    assert [command_id for command_id, *_ in _commits(shop)] == ["k1", "k2"]


def test_a_handler_that_is_overtaken_between_load_and_append_finds_the_work_done(shop: WriteSide) -> None:
    envelope = shop.accept(messages.register_customer())
    overtaker = WriteSide(shop.database)

    def overtaken(decisions: Sequence[Decision]) -> list[Appended]:
        overtaker.handling(envelope)
        return append(decisions)

    append = shop.handling.decider.append
    with mock.patch.object(shop.handling.decider, "append", overtaken):
        outcome = shop.handling(envelope)
    assert outcome == shop.outcome(envelope)
    assert outcome.status is CommandStatus.SUCCEEDED
    assert _commits(shop) == [("k1", "customer-c1", 1)]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (messages.add_product(), CommandStatus.SUCCEEDED),
        (messages.change_customer(name="Bo"), CommandStatus.REJECTED),  # later it would succeed
    ],
)
def test_a_handler_that_died_between_append_and_outcome_is_followed_by_one_that_finds_it(
    shop: WriteSide, command: AnyCommand, status: CommandStatus
) -> None:
    envelope = shop.accept(command)
    with mock.patch.object(shop.inbox, "finish_all", side_effect=Died), pytest.raises(Died):
        shop.handling(envelope)
    assert not shop.is_finished(envelope)
    outcome = shop.handling(envelope)
    assert outcome is not None
    assert (outcome.status, outcome.seq) == (status, 1)
    assert outcome.version == (1 if status is CommandStatus.SUCCEEDED else None)
    assert shop.outcome(envelope) == outcome
    assert [command_id for command_id, *_ in _commits(shop)].count("k1") == 1


def _foreign(shop: WriteSide, stream: str, command_id: str = "foreign") -> Decision:
    """Somebody else's commit of the next version of a stream, which changes nothing."""
    home = partition_of(stream, shop.log.partitions)
    newest = shop.log.newest(home, stream)
    return Decision(
        partition=home,
        command_id=command_id,
        correlation_id="r",
        at=datetime.fromisoformat("2024-05-02T00:00:00Z"),
        by="staff:eve",
        stream=stream,
        version=(newest.version or 0) + 1 if newest else 1,
        state=newest.state if newest else messages.customer().model_dump(),
        state_v=newest.state_v if newest else Customer.schema_version,
    )


def _always_overtaken(shop: WriteSide, times: int) -> Any:
    """Somebody else commits between load and append, so many times."""
    append, left = shop.handling.decider.append, iter(range(times))

    def overtaken(decisions: Sequence[Decision]) -> list[Appended]:
        number = next(left, None)
        if number is not None:
            append([_foreign(shop, str(decisions[0].stream), f"foreign{number}")])
        return append(decisions)

    return mock.patch.object(shop.handling.decider, "append", overtaken)


def test_a_conflict_is_decided_again_in_place(shop: WriteSide) -> None:
    shop.do(messages.register_customer())
    envelope = shop.accept(messages.change_customer(name="Bo"))
    with _always_overtaken(shop, 3):
        outcome = shop.handling(envelope)
    assert outcome is not None
    assert (outcome.status, outcome.version) == (CommandStatus.SUCCEEDED, 5)
    assert _commits(shop)[-1] == ("k2", "customer-c1", 5)
    # The positions that were given up are closed: nobody has to wait for them.
    assert shop.log.read(partition("c1"), 0, 100).missing == ()


def test_a_conflict_that_does_not_end_is_left_for_later_and_not_counted(shop: WriteSide) -> None:
    shop.do(messages.register_customer())
    envelope = shop.accept(messages.change_customer(name="Bo"))
    with (
        _always_overtaken(shop, 100),
        mock.patch.object(decider, "CONFLICT_TRIES", 3),
        pytest.raises(VersionConflictError),
    ):
        shop.handling(envelope)
    assert (shop.entry(envelope).status, shop.entry(envelope).errors) == (CommandStatus.ACCEPTED, 0)
    assert shop.handling(envelope) is not None


def test_what_keeps_raising_is_kept_as_failed(shop: WriteSide) -> None:
    envelope = shop.accept(messages.register_customer())
    with _raising(ZeroDivisionError("a bug")):
        for attempt in range(1, MAX_ATTEMPTS):
            with pytest.raises(ZeroDivisionError):
                shop.handling(envelope)
            assert (shop.is_finished(envelope), shop.entry(envelope).errors) == (False, attempt)
        outcome = shop.handling(envelope)
    assert outcome is not None
    assert (outcome.status, outcome.seq, outcome.error) == (
        CommandStatus.FAILED,
        1,
        "ZeroDivisionError: a bug",
    )
    assert shop.entry(envelope).status is CommandStatus.FAILED
    assert (shop.announcer.rung, shop.announcer.told) == ([outcome.partition], ["k1"])
    assert _commits(shop) == [("k1", None, None)]
    assert shop.handling(envelope) is None


def test_what_raises_after_the_insert_has_succeeded_all_the_same(shop: WriteSide) -> None:
    impatient = WriteSide(shop.database, max_attempts=1)
    envelope = impatient.accept(messages.register_customer())
    append = impatient.handling.decider.append

    def appended_and_broken(decisions: Sequence[Decision]) -> list[Appended]:
        append(decisions)
        raise OSError("the answer was lost")

    with mock.patch.object(impatient.handling.decider, "append", appended_and_broken):
        outcome = impatient.handling(envelope)
    assert outcome is not None
    assert (outcome.status, outcome.version) == (CommandStatus.SUCCEEDED, 1)


@pytest.mark.parametrize(
    "error",
    [AutoReconnect("away"), NetworkTimeout("slow"), WTimeoutError("slow", 64), VersionConflictError("busy")],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_by_itself_does_not_count(shop: WriteSide, error: Exception) -> None:
    envelope = shop.accept(messages.register_customer())
    with mock.patch.object(shop.handling.decider, "newest", side_effect=error), mock.patch("time.sleep"):
        for _ in range(2 * MAX_ATTEMPTS):
            with pytest.raises(type(error)):
                shop.handling(envelope)
    assert shop.entry(envelope).errors == 0
    outcome = shop.handling(envelope)
    assert outcome is not None
    assert outcome.status is CommandStatus.SUCCEEDED
