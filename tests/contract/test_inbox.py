"""The inbox: accepting once, and the order of acceptance."""

from datetime import timedelta

import pytest
from bson import Timestamp

from bus.inbox.inbox import Inbox, Related
from bus.messages.message import Command
from bus.messages.outcome import CommandStatus
from bus.messages.streams import partition_of
from bus.messages.values import OrderStatus
from tests.contract.accepted import FAILED, PARTITIONS, accept, found, ids
from tests.support import messages
from tests.support.messages import ANN, NOW

MUCH_LATER = Timestamp(2**32 - 1, 0)


def related(command: Command) -> Related:
    """What a command depends on, whenever it was accepted."""
    changed = frozenset({command.stream})
    return Related(changed.union(command.fact_streams), changed, MUCH_LATER)


def before(inbox: Inbox, command: Command, limit: int = 100) -> list[str]:
    return [one.command_id for one in inbox.earlier([related(command)], limit)]


def test_a_new_command_is_kept_as_it_is(inbox: Inbox) -> None:
    envelope = messages.envelope(
        accepted_at=NOW + timedelta(microseconds=123_000),
        by=ANN,
        causation_id="k0",
        expected_versions=(3, 4),
        command=messages.change_order_status(OrderStatus.SHIPPED, note="early", occurred_at=NOW),
    )
    assert inbox.find("k1") is None
    assert inbox.accept_all([(envelope, "digest")]) == [True]
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
    inbox.accept_all([(messages.envelope(expected_versions=expected), None)])
    assert found(inbox).envelope.expected_versions == expected


@pytest.mark.parametrize("request_digest", ["same", "other", None])
def test_a_known_id_is_not_kept_again_and_changes_nothing(inbox: Inbox, request_digest: str | None) -> None:
    inbox.accept_all([(messages.envelope(), "same")])
    earlier = found(inbox)
    another = messages.envelope(command=messages.add_product())
    assert inbox.accept_all([(another, request_digest)]) == [False]
    assert found(inbox) == earlier


def test_several_are_accepted_in_their_order_and_one_that_is_known_harms_no_other(inbox: Inbox) -> None:
    accept(inbox, "k2")
    several = [(messages.envelope(command_id=key), "digest") for key in ("k3", "k2", "k1", "k3", "k4")]
    assert inbox.accept_all(several) == [True, False, True, False, True]
    assert before(inbox, messages.place_order()) == ["k2", "k3", "k1", "k4"]


def test_the_unfinished_come_in_the_order_of_acceptance_whatever_their_ids_and_clocks(inbox: Inbox) -> None:
    for place, key in enumerate(("k3", "k1", "k2")):
        envelope = messages.envelope(command_id=key, accepted_at=NOW - timedelta(days=place))
        inbox.accept_all([(envelope, None)])
    assert before(inbox, messages.place_order()) == ["k3", "k1", "k2"]
    assert before(inbox, messages.place_order(), limit=2) == ["k3", "k1"]
    assert ids(inbox.unfinished(["k1", "k2", "k9", "k3"])) == ["k3", "k1", "k2"]
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
        inbox.accept_all([(messages.envelope(command_id=key, command=command), None)])
    inbox.finish_all([("k6", FAILED)])
    assert before(inbox, ordered) == ["k1", "k2", "k5"]
    assert before(inbox, repriced) == ["k1", "k2", "k3"]
    assert before(inbox, messages.add_product(product_id="new")) == []
    assert inbox.earlier([], 10) == []
    first = inbox.earlier([related(ordered)], 1)[0]
    assert (first.command_id, first.stream, first.reads) == ("k1", repriced.stream, ())
    assert first.accepted_ts == found(inbox, "k1").accepted_ts


def test_each_is_asked_for_up_to_a_place_of_its_own(inbox: Inbox) -> None:
    """So a burst on one stream is not listed for a later command that has nothing to do with it."""
    for key, order_id in (("k1", "a"), ("k2", "b"), ("k3", "a"), ("k4", "b")):
        accept(inbox, key, order_id)
    places = {key: found(inbox, key).accepted_ts for key in ("k1", "k2", "k3", "k4")}
    a, b = (frozenset({f"order-{order_id}"}) for order_id in ("a", "b"))
    found_of = inbox.earlier([Related(a, a, places["k3"]), Related(b, b, places["k4"])], 10)
    assert [one.command_id for one in found_of] == ["k1", "k2"]


def test_unfinished_between_two_places_of_the_order(inbox: Inbox) -> None:
    assert inbox.newest_unfinished() is None
    for key in ("k1", "k2", "k3", "k4"):
        accept(inbox, key)
    inbox.finish_all([("k2", FAILED)])
    first, third = (found(inbox, key).accepted_ts for key in ("k1", "k3"))
    assert list(inbox.unfinished_since(third, 10)) == ["k1", "k3"]
    assert list(inbox.unfinished_since(MUCH_LATER, 10)) == ["k1", "k3", "k4"]
    assert inbox.unfinished_since(MUCH_LATER, 2) == {"k1": first, "k3": third}
    assert list(inbox.unfinished_since(MUCH_LATER, 2, after=first)) == ["k3", "k4"]
    assert inbox.newest_unfinished() == found(inbox, "k4").accepted_ts
    assert ids(inbox.unfinished(["k4", "k2", "k1", "k9"])) == ["k1", "k4"]
