"""What is known of a command while the inbox has it and after it has left; and a repeat under its key."""

from typing import Any
from unittest import mock

import pytest
from pymongo.collection import Collection
from pymongo.results import DeleteResult

from bus.connections.clients import StoredDocument
from bus.errors import LogMismatchError
from bus.log.log import FORMAT, Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from tests.integration.sides import PARTITIONS, WriteSide, order_id, partition
from tests.support import messages
from tests.support.waiting import until

KEY = "made-of-a-key"
DIGEST, ANOTHER = "digest", "of another request"
PATIENCE_S = 30


@pytest.fixture
def shop(write: WriteSide) -> WriteSide:
    write.do(messages.add_product())
    return write


def elsewhere(customer_id: str) -> str:
    """A customer of another partition: as an order of nobody's, whose partition is drawn each time."""
    home = partition(customer_id)
    return next(one for one in (f"c{n}" for n in range(2, 100)) if partition(one) != home)


def placing(customer_id: str) -> CommandEnvelope:
    """The request under the key; its order's id and partition are drawn anew with each repeat."""
    order = messages.place_order(customer_id=customer_id, order_id=order_id(customer_id))
    return messages.envelope(command_id=KEY, command=order)


def placed(shop: WriteSide) -> Outcome:
    """The first request, carried out; it has left the inbox."""
    for customer_id in ("c1", elsewhere("c1")):
        shop.do(messages.register_customer(customer_id=customer_id))
    assert shop.records.accept_all([(placing("c1"), DIGEST)]) == [None]
    outcome = shop.handling(placing("c1"))
    assert outcome is not None
    until(lambda: shop.inbox.find(KEY) is None, PATIENCE_S, "it has left the inbox")
    return outcome


def commits_of_the_key(shop: WriteSide) -> int:
    return shop.database.commits.count_documents({"command_id": KEY})


def test_a_command_from_acceptance_to_its_outcome(shop: WriteSide) -> None:
    assert shop.records.find_now(KEY) is None
    shop.records.accept_all([(placing("c1"), DIGEST)])
    accepted = shop.records.find_now(KEY)
    assert accepted is not None
    assert (accepted.status, accepted.outcome, accepted.finished_at) == (CommandStatus.ACCEPTED, None, None)
    refused = shop.handling(placing("c1"))  # there is no such customer
    finished = shop.records.find_now(KEY)
    assert finished is not None
    assert (finished.status, finished.outcome) == (CommandStatus.REJECTED, refused)
    assert finished.finished_at is not None
    assert (accepted.type, accepted.stream, accepted.by, accepted.request, accepted.accepted_at) == (
        finished.type,
        finished.stream,
        finished.by,
        finished.request,
        finished.accepted_at,
    )


@pytest.mark.parametrize("digest", [DIGEST, ANOTHER])
def test_a_repeat_after_it_has_left_gets_the_first_ones_record(shop: WriteSide, digest: str) -> None:
    outcome = placed(shop)
    [known] = shop.records.accept_all([(placing(elsewhere("c1")), digest)])
    assert known is not None
    assert (known.request, known.stream, known.outcome) == (DIGEST, outcome.stream, outcome)
    until(lambda: shop.inbox.find(KEY) is None, PATIENCE_S, "it is withdrawn")
    assert commits_of_the_key(shop) == 1


def test_a_repeat_whose_api_died_before_it_looked_has_no_effect(shop: WriteSide) -> None:
    """It is in the inbox and would be decided in another partition, where no index refuses it."""
    outcome = placed(shop)
    again = placing(elsewhere("c1"))
    assert shop.inbox.accept_all([(again, DIGEST)]) == [True]
    assert shop.elsewhere(again) == outcome
    assert shop.is_finished(again)
    assert commits_of_the_key(shop) == 1
    assert shop.outcome(again) == outcome


def test_a_repeat_that_comes_in_while_the_first_is_noted_as_done_gets_no_outcome_of_its_own(
    shop: WriteSide,
) -> None:
    """Two workers had it in hand. The second finds that it has left; by its next write a repeat is there.

    The repeat's API died before it looked into the log. Whoever repeats it once more is told the first ids.
    """
    outcome = placed(shop)
    again = placing(elsewhere("c1"))
    delete_many = Collection.delete_many

    def deleted(collection: Collection[StoredDocument], *given: Any, **options: Any) -> DeleteResult:
        result = delete_many(collection, *given, **options)
        assert shop.inbox.accept_all([(again, DIGEST)]) == [True]
        return result

    with mock.patch.object(Collection, "delete_many", deleted):
        shop.inbox.finish_all([(KEY, outcome)])
    [known] = shop.records.accept_all([(placing("c1"), DIGEST)])
    assert known is not None
    assert (known.stream, known.outcome) == (outcome.stream, outcome)
    assert shop.elsewhere(again) == outcome
    until(lambda: shop.inbox.find(KEY) is None, PATIENCE_S, "it has left as well")
    assert commits_of_the_key(shop) == 1


def test_the_stream_of_a_finished_command_is_its_outcomes(shop: WriteSide) -> None:
    """So it is for one that an operator has had to do with, and which stays in the inbox."""
    outcome = placed(shop)
    assert shop.inbox.accept_all([(placing(elsewhere("c1")), DIGEST)]) == [True]
    shop.database.commands.update_one({"_id": KEY}, {"$set": {"resolutions": [{"resolution": "retried"}]}})
    shop.inbox.finish_all([(KEY, outcome)])
    known = shop.records.find(KEY)
    assert known is not None
    assert (known.stream, known.partition, known.outcome) == (outcome.stream, outcome.partition, outcome)
    assert shop.inbox.find(KEY) is not None


def test_a_log_of_another_format_is_refused_and_left_as_it_is(shop: WriteSide) -> None:
    shop.database["log"].update_one({"_id": "log"}, {"$unset": {"format": True}})
    before = list(shop.database["log"].find())
    with pytest.raises(LogMismatchError, match=f"has format 1, and .* reads and writes format {FORMAT}"):
        Log(shop.database, PARTITIONS).create()
    assert list(shop.database["log"].find()) == before
