"""What is remembered is not loaded again; and it is never believed against what is stored."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.projections import READ_MODELS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projector import joint_pass, recent_documents
from read_side.projector.batch import Batch
from read_side.projector.guards import MENDED, Guard
from read_side.projector.recent_documents import RecentDocuments
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.integration.taking_part import Joint
from tests.support import messages

NAMES = {model.name for model in READ_MODELS}
CUSTOMERS = ("c1", next(f"c{n}" for n in range(2, 99) if partition(f"c{n}") != partition("c1")))
ORDERS = {customer: order_id(customer) for customer in CUSTOMERS}
O1 = ORDERS["c1"]
HOME = partition("c1")


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2"))
    for customer in CUSTOMERS:
        write.do(messages.register_customer(customer_id=customer))
        write.do(messages.place_order(customer_id=customer, order_id=ORDERS[customer]))
    return write


@pytest.fixture
def joint(write: WriteSide, read: ReadSide) -> Iterator[Joint]:
    with mock.patch.object(joint_pass, "SLOW_S", 600.0):
        joint = Joint(write.log, read)
        joint.drain()
        yield joint


def _set_all(write: WriteSide, status: OrderStatus) -> None:
    for order in ORDERS.values():
        write.do(messages.change_order_status(status, order_id=order))


def _is_whole(write: WriteSide, read: ReadSide, joint: Joint) -> None:
    assert audit(write.log, read.database) == []
    assert [joint.taking_part(number) for number in range(PARTITIONS)] == [NAMES] * PARTITIONS


def test_neither_what_was_written_lately_nor_what_is_new_is_loaded(
    write: WriteSide, read: ReadSide, joint: Joint
) -> None:
    _set_all(write, OrderStatus.CONFIRMED)
    write.do(messages.place_order(order_id=order_id("c1", 2)))
    wanted: list[frozenset[str]] = []
    found = Batch._found

    def counted(self: Batch, asked: frozenset[str], *, is_whole: bool) -> list[dict[str, Any]]:
        wanted.append(asked)
        return found(self, asked, is_whole=is_whole)

    with mock.patch.object(Batch, "_found", counted):
        joint.turn()
    assert wanted
    assert not any(wanted)
    _is_whole(write, read, joint)


@pytest.mark.parametrize("change", [{MENDED: 1}, {"_pos": 10**6}], ids=str)
def test_what_another_holder_has_written_is_not_written_over(
    write: WriteSide, read: ReadSide, joint: Joint, change: dict[str, int]
) -> None:
    details = read.registry.collection(ORDER_DETAIL.name, 1)
    details.update_one({"_id": O1}, {"$set": {"reference": "theirs", **change}})
    _set_all(write, OrderStatus.CONFIRMED)
    joint.turn()
    assert read.documents(ORDER_DETAIL)[O1]["reference"] == "theirs"
    for customer, order in ORDERS.items():
        expected = "pending" if customer == "c1" and "_pos" in change else "confirmed"
        assert read.documents(ORDER_DETAIL)[order]["status"] == expected
    assert joint.taking_part(HOME) == NAMES, "that is no reason to believe that the lease is lost"


def test_one_document_that_moved_on_spoils_no_common_write(
    write: WriteSide, read: ReadSide, joint: Joint
) -> None:
    """What is written together is of two partitions; of one of them somebody has done the work already."""
    _set_all(write, OrderStatus.CONFIRMED)
    at = read.checkpoints.positions()
    with mock.patch.object(read.context.checkpoints, "move_all", side_effect=KeyError("killed")):
        joint.turn(HOME)
    assert read.checkpoints.positions() == at
    read.expire_leases()
    for follower in joint.runners[HOME].followers.values():
        read.checkpoints.let_go([follower.lease])
    again = Joint(write.log, ReadSide(write.log, read.database))
    again.drain()
    _is_whole(write, read, again)


def test_nothing_is_parked_that_what_is_stored_can_take(
    write: WriteSide, read: ReadSide, joint: Joint
) -> None:
    follower = joint.runners[HOME].followers[ORDER_DETAIL.name, 1]
    document, guard = follower._recent._documents[O1]
    follower._recent._documents[O1] = {"_id": O1, "_pos": document["_pos"]}, guard
    _set_all(write, OrderStatus.CONFIRMED)
    joint.turn()
    assert read.parking.every() == []
    _is_whole(write, read, joint)


def test_a_spread_is_not_forgotten(write: WriteSide, read: ReadSide, joint: Joint) -> None:
    for name in ("Ann Baker", "Ann Cole"):
        write.do(messages.change_customer(name=name))
        _set_all(write, OrderStatus.CONFIRMED if name == "Ann Baker" else OrderStatus.SHIPPED)
        joint.turn()
        assert read.documents(ORDER_DETAIL)[O1]["customer_name"] == name
    _is_whole(write, read, joint)


def test_it_is_bounded_and_what_is_needed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_documents, "MOST", 3)
    recent = RecentDocuments()
    for number in range(5):
        recent.keep([({"_id": str(number), "_pos": 1}, Guard(1, None))])
        recent.get("0")
    assert [number for number in range(5) if recent.get(str(number))] == [0, 3, 4]
    monkeypatch.setattr(recent_documents, "MOST_BYTES", 10_000)
    recent.keep([({"_id": "wide", "_pos": 1, "items": [{}] * 200}, Guard(1, None))])
    assert recent.get("wide") is None
    recent.keep([({"_id": "small", "_pos": 1}, Guard(1, None))])
    assert recent.get("small") is not None
    recent.clear()
    assert recent.get("small") is None
