"""One bad event stops one stream in one read model, visibly, and nothing else."""

from typing import Any
from unittest import mock

import pytest

from bus.log.commit import Decision
from bus.messages.registry import to_stored
from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.projections import READ_MODELS
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.projector import catch_up
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.support import messages

HOME = partition("c1")
O1, O2 = order_id("c1", 1), order_id("c1", 2)


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    """Two orders, each placed, confirmed and shipped, one after the other; then a third is placed."""
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2"))
    for placed in (O1, O2):
        write.do(messages.place_order(order_id=placed))
    for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED):
        for placed in (O1, O2):
            write.do(messages.change_order_status(status, order_id=placed))
    return write


def _spoil(write: WriteSide, change: dict[str, Any], version: int = 2) -> int:
    """Make one event of the first order unreadable; returns its position."""
    where = {"stream": f"order-{O1}", "version": version}
    found = write.database.commits.find_one_and_update(where, {"$set": change})
    assert found is not None
    return int(found["seq"])


UNREADABLE: list[dict[str, Any]] = [
    {"events.0.v": 99},
    {"events.0.type": "OrderFrozen"},
    {"events.0.data.total": "much"},
]


@pytest.mark.parametrize("change", UNREADABLE, ids=["version", "type", "data"])
@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_an_event_that_cannot_be_read_parks_its_stream_alone(
    write: WriteSide, read: ReadSide, change: dict[str, Any], size: int
) -> None:
    seq = _spoil(write, change)
    with mock.patch.object(catch_up, "BATCH", size):
        read.drain()
    for model in (ORDER_SUMMARY, ORDER_DETAIL):
        shown = read.documents(model)
        # What came before it is there, what came behind it stays behind, and all others flow.
        assert (shown[O1]["status"], shown[O1]["version"]) == ("pending", 1)
        assert (shown[O2]["status"], shown[O2]["version"]) == ("shipped", 3)
        assert read.position(model, HOME) == write.log.head(HOME)
    [bucket] = read.documents(ORDER_ANALYTICS).values()
    counted = {status: number for status, number in bucket["by_status"].items() if number}
    assert counted == {"pending": 1, "shipped": 1}
    for model in READ_MODELS:
        assert read.parking.streams(model.name, 1, HOME) == {f"order-{O1}": seq}
        assert read.parking.streams(model.name, 1, 1 - HOME) == {}
    assert audit(write.log, read.database) == []


def test_what_is_parked_says_why_and_since_when(write: WriteSide, read: ReadSide) -> None:
    seq = _spoil(write, UNREADABLE[0])
    read.drain([ORDER_SUMMARY])
    [parked] = read.database.parked.find()
    assert (parked["name"], parked["generation"], parked["partition"]) == ("order_summary", 1, HOME)
    assert (parked["stream"], parked["seq"]) == (f"order-{O1}", seq)
    assert "OrderConfirmed version 99" in parked["error"]
    assert parked["since"]


def test_later_events_stay_behind_in_later_runs_too(write: WriteSide, read: ReadSide) -> None:
    _spoil(write, UNREADABLE[0])
    read.drain([ORDER_SUMMARY])
    for placed in (O1, O2):
        write.do(messages.change_order_status(OrderStatus.DELIVERED, order_id=placed))
    read.drain([ORDER_SUMMARY])
    shown = read.documents(ORDER_SUMMARY)
    assert [shown[placed]["status"] for placed in (O1, O2)] == ["pending", "delivered"]
    assert audit(write.log, read.database, [ORDER_SUMMARY]) == []


def test_an_event_that_cannot_be_folded_parks_its_stream_where_it_matters(
    write: WriteSide, read: ReadSide
) -> None:
    ghost = order_id("c1", 9)
    cancelled = messages.order_cancelled(order_id=ghost, currency="USD")
    decision = Decision(
        partition=HOME,
        command_id="ghost",
        correlation_id="r",
        at=messages.NOW,
        by="test",
        stream=f"order-{ghost}",
        version=1,
        events=(to_stored(cancelled),),
        state={},
    )
    write.log.append([decision])
    write.do(messages.change_customer(name="Ann Baker"))
    read.drain()
    for model in READ_MODELS:
        parked = set(read.parking.streams(model.name, 1, HOME))
        assert parked == (set() if model is PRODUCTS else {f"order-{ghost}"})
    assert ghost not in read.documents(ORDER_SUMMARY)
    assert read.documents(ORDER_SUMMARY)[O1]["customer_name"] == "Ann Baker"
    assert audit(write.log, read.database) == []


def test_of_two_bad_events_of_a_stream_the_first_counts(write: WriteSide, read: ReadSide) -> None:
    first = _spoil(write, {"events.0.data.old_status": "delivered"})  # can be read, cannot be counted
    _spoil(write, UNREADABLE[0], version=3)  # cannot even be read
    read.drain([ORDER_ANALYTICS])
    assert read.parking.streams(ORDER_ANALYTICS.name, 1, HOME) == {f"order-{O1}": first}
    [parked] = read.database.parked.find()
    assert "no delivered order" in parked["error"]
    assert audit(write.log, read.database, [ORDER_ANALYTICS]) == []


def test_a_stream_that_is_not_parked_and_cannot_be_folded_is_a_difference(
    write: WriteSide, read: ReadSide
) -> None:
    read.drain([ORDER_SUMMARY])
    seq = _spoil(write, UNREADABLE[0])
    found = audit(write.log, read.database, [ORDER_SUMMARY])
    assert [(d.document, d.field) for d in found if d.field is None] == [(f"order-{O1}", None)]
    assert any(d.expected == f"folded at {HOME}-{seq}" for d in found)
    assert {d.field for d in found if d.document == O1} == {"_pos", "status", "version"}
