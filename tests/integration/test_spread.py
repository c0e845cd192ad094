"""A new name reaches all orders of its customer, those before it and those after it."""

from dataclasses import replace
from unittest import mock

import pytest

from bus.log.commit import RecordedEvent
from bus.messages.customers import CustomerRenamed
from read_side.audit.audit import audit
from read_side.parked import mending
from read_side.parked.retry import ParkedRetry
from read_side.projections.model import Document, ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import batch, catch_up
from read_side.projector.checkpoints import Checkpoints
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.support import messages

HOME = partition("c1")
ORDERS = [order_id("c1", number) for number in range(1, 11)]
CHUNK = 3
BATCHES = [1, 2, 3, 1_000]


@pytest.fixture(params=[ORDER_SUMMARY, ORDER_DETAIL], ids=lambda model: str(model.name))
def model(request: pytest.FixtureRequest) -> ReadModel:
    given: ReadModel = request.param
    return given


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.register_customer())
    write.do(messages.register_customer(customer_id="c2", name="Bob"))
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2"))
    write.do(messages.place_order(customer_id="c2", order_id=order_id("c2")))
    return write


def _names(read: ReadSide, model: ReadModel) -> dict[str, str]:
    found = read.documents(model)
    return {key: document["customer_name"] for key, document in found.items() if "customer_name" in document}


def _expected(name: str, placed: list[str]) -> dict[str, str]:
    return dict.fromkeys(placed, name) | {order_id("c2"): "Bob"}


@pytest.mark.parametrize("size", BATCHES)
def test_a_rename_reaches_more_orders_than_are_written_at_once(
    write: WriteSide, read: ReadSide, model: ReadModel, size: int
) -> None:
    for placed in ORDERS:
        write.do(messages.place_order(order_id=placed))
    renamed = write.do(messages.change_customer(name="Ann Baker"))
    write.do(messages.change_order_status(order_id=ORDERS[0]))
    renew = mock.Mock(side_effect=read.checkpoints.renew)
    with (
        mock.patch.object(catch_up, "BATCH", size),
        mock.patch.object(batch, "SPREAD_CHUNK", CHUNK),
        mock.patch.object(Checkpoints, "renew", renew),
    ):
        read.drain([model])
    assert _names(read, model) == _expected("Ann Baker", ORDERS)
    positions = {key: document["_pos"] for key, document in read.documents(model).items()}
    assert {positions[placed] for placed in ORDERS[1:]} == {renamed.seq}
    assert positions[ORDERS[0]] == (renamed.seq or 0) + 1
    assert renew.call_count == 8, "the lease is renewed with every chunk, rehearsed and written"
    assert audit(write.log, read.database, [model]) == []


@pytest.mark.parametrize("size", BATCHES)
def test_renames_and_orders_in_turn(write: WriteSide, read: ReadSide, model: ReadModel, size: int) -> None:
    for number, placed in enumerate(ORDERS):
        write.do(messages.place_order(order_id=placed))
        write.do(messages.change_customer(name=f"Ann {number}"))
        write.do(messages.change_order_status(order_id=placed))
    with mock.patch.object(catch_up, "BATCH", size):
        read.drain([model])
    assert _names(read, model) == _expected("Ann 9", ORDERS)
    assert audit(write.log, read.database, [model]) == []


@pytest.mark.parametrize("last", ORDERS)
def test_what_one_order_cannot_take_none_of_them_gets(
    write: WriteSide, read: ReadSide, model: ReadModel, last: str
) -> None:
    """The name is folded into one after the other, in chunks; the memory of it is written at the end."""
    for placed in ORDERS:
        write.do(messages.place_order(order_id=placed))
    renamed = write.do(messages.change_customer(name="Ann Baker"))
    write.do(messages.change_order_status(order_id=ORDERS[0]))
    late = order_id("c1", 11)
    write.do(messages.place_order(order_id=late))

    def fold(document: Document, recorded: RecordedEvent) -> Document:
        if document["_id"] == last and isinstance(recorded.event, CustomerRenamed):
            raise ValueError("not this one")
        return model.fold(document, recorded)

    with mock.patch.object(batch, "SPREAD_CHUNK", CHUNK):
        read.drain([replace(model, fold=fold)])
    assert read.parking.streams(model.name, 1, HOME) == {"customer-c1": renamed.seq}
    assert read.documents(model)[ORDERS[0]]["status"] == "confirmed", "others flow"
    names = _names(read, model)
    assert {names[placed] for placed in ORDERS} == {"Ann Archer"}
    assert read.documents(model)["customer-c1"]["known_as"] == "Ann Archer"
    assert audit(write.log, read.database, [model]) == []
    [parked] = read.parking.every()
    parked_retry = ParkedRetry(write.log, read.registry, read.checkpoints, read.parking, "an operator")
    with mock.patch.object(mending, "CHUNK", CHUNK):
        assert parked_retry.retry(parked) is None
    assert _names(read, model) == _expected("Ann Baker", [*ORDERS, late])
    assert audit(write.log, read.database, [model]) == []
