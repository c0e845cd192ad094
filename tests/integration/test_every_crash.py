"""One history, and a projector that dies once at each of its writes: before, amid and after it."""

from typing import get_args
from unittest import mock

import pytest

from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import batch, catch_up, spreading
from read_side.projector.catch_up import End
from tests.integration.crashes import Moment, dying
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.support import messages

HOME = partition("c1")
O1, O2, O3 = (order_id("c1", number) for number in (1, 2, 3))
HISTORY = (
    messages.add_product(),
    messages.add_product(product_id="p2", name="Tea", unit_price=450),
    messages.register_customer(),
    messages.place_order(order_id=O1),
    messages.place_order(order_id=O2),
    messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1),
    messages.change_customer(name="Ann Baker"),
    messages.change_order_status(OrderStatus.CANCELLED, order_id=O2),
    messages.place_order(order_id=O3),
    messages.change_product(name="Pot"),
    messages.change_product(product_id="p2", name="Green tea"),
    messages.change_order_status(OrderStatus.SHIPPED, order_id=O1),
)


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    """The history, in which one event is of a version that nobody knows yet."""
    for command in HISTORY:
        write.do(command)
    where = {"stream": f"order-{O1}", "version": 2}
    assert write.database.commits.update_one(where, {"$set": {"events.0.v": 99}}).modified_count
    return write


@pytest.mark.parametrize("moment", get_args(Moment))
@pytest.mark.parametrize(
    ("model", "few"),
    [*((model, spreading.FEW) for model in READ_MODELS), (ORDER_SUMMARY, 0), (ORDER_DETAIL, 0)],
    ids=[*(model.name for model in READ_MODELS), "order_summary in steps", "order_detail in steps"],
)
def test_dying_once_at_any_write_changes_nothing(
    write: WriteSide, read: ReadSide, model: ReadModel, few: int, moment: Moment
) -> None:
    read.drain([model])
    expected = read.documents(model), read.parking.streams(model.name, 1, HOME)
    assert expected[0]
    died_at: list[str] = []
    with (
        mock.patch.object(catch_up, "BATCH", 7),
        mock.patch.object(batch, "SPREAD_CHUNK", 1),
        mock.patch.multiple(spreading, FEW=few, STEP=1),
    ):
        while True:
            _start_anew(read, model)
            with dying(read.database, len(died_at) + 1, moment) as death:
                assert read.run(model, HOME).end is End.DRAINED
            if not death.dead:
                break
            died_at.append(death.written[-1])
            read.expire_leases()
            read.drain([model])
            assert (read.documents(model), read.parking.streams(model.name, 1, HOME)) == expected, died_at[-1]
            assert audit(write.log, read.database, [model]) == []
    assert {f"{model.name}.g1.bulk_write", "checkpoints.update_one"} <= set(
        died_at
    ) or model.name == "products"
    assert (f"{model.name}.g1.replace_one" in died_at) == (few == 0), "it is noted if it goes in steps"
    assert ("parked.update_one" in died_at) == (f"order-{O1}" in expected[1])


def _start_anew(read: ReadSide, model: ReadModel) -> None:
    for name in (f"{model.name}.g1", "checkpoints", "parked"):
        read.database[name].delete_many({})
    read.checkpoints.create(model.name, 1, read.context.log.partitions)
