"""Commands, accepted and handled one after the other on a real MongoDB: what they leave in the log."""

from typing import Any

import pytest

from bus.log.commit import Commit
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.registry import AnyCommand
from bus.messages.rejection import RejectionKind
from bus.messages.streams import partition_of
from bus.messages.values import OrderStatus
from tests.integration.sides import PARTITIONS, WriteSide, order_id, partition
from tests.support import messages
from write_side.audit import CommitDifference, audit

O1 = order_id("c1")
STORY: tuple[tuple[AnyCommand, int, list[str]], ...] = (
    (messages.register_customer(), 1, ["CustomerRegistered"]),
    (
        messages.change_customer(name="Ann Baker", email="b@example.com"),
        2,
        ["CustomerRenamed", "CustomerEmailChanged"],
    ),
    (messages.add_product(), 1, ["ProductAdded"]),
    (messages.add_product(product_id="p2", unit_price=450), 1, ["ProductAdded"]),
    (messages.change_product(unit_price=2700, name="Pot"), 2, ["ProductRenamed", "ProductRepriced"]),
    (messages.place_order(order_id=O1), 1, ["OrderPlaced"]),
    (messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1), 2, ["OrderConfirmed"]),
    (messages.change_order_status(OrderStatus.SHIPPED, order_id=O1), 3, ["OrderShipped"]),
    (messages.change_order_status(OrderStatus.DELIVERED, order_id=O1), 4, ["OrderDelivered"]),
)


@pytest.fixture
def shop(write: WriteSide) -> WriteSide:
    return write


def _commit(shop: WriteSide, outcome: Outcome) -> Commit:
    """The document of the log that an outcome says is its own."""
    assert outcome.seq is not None
    [commit] = shop.log.read(outcome.partition, outcome.seq - 1, 1).commits
    return commit


def test_every_command_leaves_one_commit_with_its_events_and_the_state_after_them(shop: WriteSide) -> None:
    for command, version, events in STORY:
        envelope = shop.accept(command)
        outcome = shop.handling(envelope)
        assert outcome is not None
        assert (outcome.status, outcome.stream, outcome.version) == (
            CommandStatus.SUCCEEDED,
            command.stream,
            version,
        )
        commit = _commit(shop, outcome)
        assert (commit.stream, commit.version) == (command.stream, version)
        assert [event["type"] for event in commit.events] == events
        assert commit.command_id == envelope.command_id
        assert (commit.at, commit.by) == (envelope.accepted_at, "staff:sam")
        assert commit.state
        assert shop.outcome(envelope) == outcome
        assert shop.announcer.rung[-1] == outcome.partition
        assert shop.announcer.told[-1] == envelope.command_id
    assert len(shop.announcer.rung) == len(shop.announcer.told) == len(STORY)
    assert audit(shop.database, PARTITIONS) == []


def test_an_order_is_placed_at_the_prices_and_under_the_name_of_the_moment(shop: WriteSide) -> None:
    outcomes = [shop.do(command) for command, *_ in STORY]
    assert [outcome.total for outcome in outcomes] == [None] * 5 + [2 * 2700 + 3 * 450] + [None] * 3
    placed = _commit(shop, outcomes[5]).events[0]["data"]
    assert placed["customer_name"] == "Ann Baker"
    assert [line["unit_price"] for line in placed["lines"]] == [2700, 450]


def test_a_refusal_is_a_document_in_the_log(shop: WriteSide) -> None:
    outcome = shop.do(messages.place_order(order_id=O1))
    assert outcome.status is CommandStatus.REJECTED
    assert outcome.rejection is not None
    assert outcome.rejection.code == "unknown-customer"
    assert outcome.version is None
    commit = _commit(shop, outcome)
    assert (commit.command_id, commit.stream, commit.version, commit.events) == ("k1", None, None, ())
    assert commit.outcome is not None
    assert commit.outcome["rejection"]["code"] == "unknown-customer"
    assert shop.log.newest(partition("c1"), f"order-{O1}") is None


def test_a_command_that_changes_nothing_is_one_too(shop: WriteSide) -> None:
    shop.do(messages.register_customer())
    outcome = shop.do(messages.change_customer(name="Ann Archer"))
    assert (outcome.status, outcome.version) == (CommandStatus.SUCCEEDED, 1)
    commit = _commit(shop, outcome)
    assert (commit.command_id, commit.stream, commit.version, commit.events) == ("k2", None, None, ())
    # So the next change builds on version 1, not on a version that was never there.
    assert shop.do(messages.change_customer(name="Ann Baker")).version == 2


def test_what_was_never_accepted_is_not_handled(shop: WriteSide) -> None:
    assert shop.handling(messages.envelope()) is None
    assert all(shop.log.head(each) == 0 for each in range(PARTITIONS))
    assert shop.announcer.rung == []


@pytest.mark.parametrize(
    ("expected", "over", "kind"),
    [
        ((1,), {"customer_id": "c1", "name": "Bo"}, None),
        ((7, 1), {"customer_id": "c1", "name": "Bo"}, None),
        ((2,), {"customer_id": "c1", "name": "Bo"}, RejectionKind.VERSION_MISMATCH),
        ((), {"customer_id": "c1", "name": "Bo"}, RejectionKind.VERSION_MISMATCH),
        # A change that would have been quiet is refused all the same: it asked for another version.
        ((2,), {"customer_id": "c1", "name": "Ann Archer"}, RejectionKind.VERSION_MISMATCH),
        # Unknown comes first, whatever version was asked for.
        ((1,), {"customer_id": "c9", "name": "Bo"}, RejectionKind.NOT_FOUND),
        ((0,), {"customer_id": "c9", "name": "Bo"}, RejectionKind.NOT_FOUND),
    ],
)
def test_expected_versions(
    shop: WriteSide, expected: tuple[int, ...], over: dict[str, Any], kind: RejectionKind | None
) -> None:
    shop.do(messages.register_customer())
    outcome = shop.do(messages.change_customer(**over), expected_versions=expected)
    assert (outcome.rejection.kind if outcome.rejection else None) == kind


def test_an_expected_version_is_asked_for_before_whether_the_change_is_allowed(shop: WriteSide) -> None:
    for command, *_ in STORY:
        shop.do(command)
    back = messages.change_order_status(OrderStatus.CANCELLED, order_id=O1)
    refused = [shop.do(back, expected_versions=versions).rejection for versions in ((1,), (4,))]
    assert [r.kind for r in refused if r] == [RejectionKind.VERSION_MISMATCH, RejectionKind.CONFLICT]


def test_the_audit_of_the_log_finds_a_state_that_is_not_the_fold(shop: WriteSide) -> None:
    for command, *_ in STORY:
        shop.do(command)
    commits = shop.database.commits
    commits.update_one({"stream": "customer-c1", "version": 2}, {"$set": {"state.name": "Eve"}})
    assert audit(shop.database, PARTITIONS) == [
        CommitDifference("customer-c1", 2, "state.name", expected="Ann Baker", found="Eve")
    ]
    assert audit(shop.database, PARTITIONS, sample=1_000) == audit(shop.database, PARTITIONS)


def test_the_audit_of_the_log_finds_what_is_in_the_wrong_place(shop: WriteSide) -> None:
    for command, *_ in STORY:
        shop.do(command)
    commits = shop.database.commits
    home = partition_of("product-p1", PARTITIONS)
    commits.update_one({"stream": "product-p1", "version": 2}, {"$set": {"version": 3}})
    commits.update_one({"stream": "product-p2"}, {"$set": {"partition": 1 - home, "seq": 99}})
    commits.delete_one({"stream": f"order-{O1}", "version": 1})
    found = {(d.stream, d.field) for d in audit(shop.database, PARTITIONS)}
    assert found >= {("product-p1", "version"), (f"order-{O1}", "version"), (f"order-{O1}", "events")}
    assert (("product-p2", "partition") in found) == (home == partition_of("product-p2", PARTITIONS))
