"""The inbox: accepting once, and the order of acceptance."""

from datetime import timedelta

import pytest
from bson import Timestamp

from bus.inbox import PAGE, Inbox
from bus.messages.outcome import CommandStatus
from bus.messages.streams import partition_of
from bus.messages.values import OrderStatus
from tests import messages
from tests.contract.accepted import PARTITIONS, REJECTED, SUCCEEDED, accept, found, ids
from tests.messages import ANN, NOW

MUCH_LATER = Timestamp(2**32 - 1, 0)


def test_a_new_command_is_kept_as_it_is(inbox: Inbox) -> None:
    envelope = messages.envelope(
        accepted_at=NOW + timedelta(microseconds=123_000),
        by=ANN,
        causation_id="k0",
        expected_versions=(3, 4),
        command=messages.change_order_status(OrderStatus.SHIPPED, note="early", occurred_at=NOW),
    )
    assert inbox.find("k1") is None
    assert inbox.accept(envelope, "digest") is None
    entry = found(inbox)
    assert entry.envelope == envelope
    assert (entry.request, entry.partition) == ("digest", partition_of("order-o1", PARTITIONS))
    assert (entry.status, entry.attempts, entry.outcome) == (CommandStatus.ACCEPTED, 0, None)
    assert (entry.finished, entry.finished_at) == (False, None)
    assert entry.accepted_ts.time > 0


@pytest.mark.parametrize("expected", [None, (), (1,)])
def test_any_version_no_version_and_one_version_stay_different(
    inbox: Inbox, expected: tuple[int, ...] | None
) -> None:
    inbox.accept(messages.envelope(expected_versions=expected))
    assert found(inbox).envelope.expected_versions == expected


@pytest.mark.parametrize("request_digest", ["same", "other", None])
def test_a_known_id_gets_the_earlier_entry_and_changes_nothing(
    inbox: Inbox, request_digest: str | None
) -> None:
    inbox.accept(messages.envelope(), "same")
    earlier = found(inbox)
    another = messages.envelope(command=messages.add_product())
    assert inbox.accept(another, request_digest) == earlier
    assert found(inbox) == earlier


def test_several_are_accepted_in_their_order_and_one_that_is_known_harms_no_other(inbox: Inbox) -> None:
    accept(inbox, "k2")
    several = [(messages.envelope(command_id=key), "digest") for key in ("k3", "k2", "k1", "k3", "k4")]
    known = inbox.accept_all(several)
    assert [entry and entry.command_id for entry in known] == [None, "k2", None, "k3", None]
    assert ids(inbox.unfinished(messages.place_order())) == ["k2", "k3", "k1", "k4"]


def test_the_unfinished_come_in_the_order_of_acceptance_whatever_their_ids_and_clocks(inbox: Inbox) -> None:
    for place, key in enumerate(("k3", "k1", "k2")):
        inbox.accept(messages.envelope(command_id=key, accepted_at=NOW - timedelta(days=place)))
    assert ids(inbox.unfinished(messages.place_order())) == ["k3", "k1", "k2"]
    assert ids(inbox.unfinished(messages.place_order(), limit=2)) == ["k3", "k1"]
    stamps = [found(inbox, key).accepted_ts for key in ("k3", "k1", "k2")]
    assert stamps == sorted(set(stamps))


def test_the_unfinished_are_those_that_a_command_may_depend_on(inbox: Inbox) -> None:
    """What changes a stream that it touches, and what takes facts from the one that it changes."""
    ordered = messages.place_order(order_id="a")
    repriced = messages.change_product(product_id=ordered.items[0].product_id)
    for key, command in (
        ("k1", repriced),
        ("k2", ordered),
        ("k3", messages.place_order(order_id="b")),
        ("k4", messages.change_product(product_id="another")),
        ("k5", messages.change_customer(customer_id=ordered.customer_id)),
        ("k6", repriced),
    ):
        inbox.accept(messages.envelope(command_id=key, command=command))
    inbox.finish("k6", SUCCEEDED)
    assert ids(inbox.unfinished(ordered)) == ["k1", "k2", "k5"]
    assert ids(inbox.unfinished(repriced)) == ["k1", "k2", "k3"]
    around = inbox.unfinished_around([ordered, repriced, messages.add_product(product_id="new")])
    assert [ids(group) for group in around] == [["k1", "k2", "k5"], ["k1", "k2", "k3"], []]
    assert inbox.unfinished_around([]) == []


def test_a_long_backlog_on_one_stream_hides_no_other_command(inbox: Inbox) -> None:
    backlog = [messages.envelope(command_id=f"b{number}") for number in range(2 * PAGE)]
    inbox.accept_all([(envelope, None) for envelope in backlog])
    other = messages.add_product(product_id="other")
    inbox.accept(messages.envelope(command_id="k1", command=other))
    of_backlog, of_other = inbox.unfinished_around([backlog[0].command, other])
    assert ids(of_backlog) == [f"b{number}" for number in range(PAGE)]
    assert ids(of_other) == ["k1"]


def test_unfinished_between_two_places_of_the_order(inbox: Inbox) -> None:
    assert inbox.newest_unfinished() is None
    for key in ("k1", "k2", "k3", "k4"):
        accept(inbox, key)
    inbox.finish("k2", REJECTED)
    first, third = (found(inbox, key).accepted_ts for key in ("k1", "k3"))
    assert list(inbox.unfinished_since(third, 10)) == ["k1", "k3"]
    assert list(inbox.unfinished_since(MUCH_LATER, 10)) == ["k1", "k3", "k4"]
    assert inbox.unfinished_since(MUCH_LATER, 2) == {"k1": first, "k3": third}
    assert list(inbox.unfinished_since(MUCH_LATER, 2, after=first)) == ["k3", "k4"]
    assert inbox.newest_unfinished() == found(inbox, "k4").accepted_ts
    assert ids(inbox.still_unfinished(["k4", "k2", "k1", "k9"])) == ["k1", "k4"]
