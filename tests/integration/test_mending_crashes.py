"""A retry that dies once at each of its writes: before, amid and after it."""

from collections.abc import Iterator
from typing import get_args
from unittest import mock

import pytest

from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.parked import mending
from read_side.parked.retry import ParkedRetry
from read_side.projections.model import ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.projector import batch
from tests.integration.crashes import Moment, dying
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition, written
from tests.integration.spoiling import repair, spoil
from tests.support import messages

HOME = partition("c1")
O1, O2, O3 = (order_id("c1", number) for number in (1, 2, 3))
ORDER, CUSTOMER, PRODUCT = f"order-{O1}", "customer-c1", "product-p1"
HISTORY = (
    messages.add_product(),
    messages.add_product(product_id="p2"),
    messages.register_customer(),
    messages.place_order(order_id=O1),
    messages.place_order(order_id=O2),
    messages.change_product(name="Pot"),
    messages.change_customer(name="Ann Baker"),
    messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1),
    messages.place_order(order_id=O3),
    messages.change_customer(name="Ann Cole"),
    messages.change_order_status(OrderStatus.SHIPPED, order_id=O1),
)
CASES = [
    (ORDER_SUMMARY, ORDER, 2),
    (ORDER_SUMMARY, CUSTOMER, 1),
    (ORDER_DETAIL, ORDER, 1),
    (ORDER_DETAIL, CUSTOMER, 2),
    (PRODUCTS, PRODUCT, 1),
]
each_case = pytest.mark.parametrize(
    ("model", "stream", "version"), CASES, ids=[f"{m.name}-{s[:8]}-{v}" for m, s, v in CASES]
)


@pytest.fixture
def write(settings: Settings) -> Iterator[WriteSide]:
    with written(settings, HISTORY) as write:
        yield write


@pytest.fixture(autouse=True)
def _small_steps() -> Iterator[None]:
    with mock.patch.object(batch, "SPREAD_CHUNK", 2), mock.patch.object(mending, "CHUNK", 2):
        yield


def retry(write: WriteSide, read: ReadSide, model: ReadModel, stream: str) -> bool:
    """Whether the stream is parked no more."""
    parked_retry = ParkedRetry(write.log, read.registry, read.checkpoints, read.parking, "an operator")
    found = [one for one in read.parking.of(model.name, 1) if one.stream == stream]
    return {parked_retry.retry(one) for one in found} <= {None}


def park(write: WriteSide, read: ReadSide, model: ReadModel, stream: str, version: int) -> None:
    """Everything anew: the stream is parked, and the log has been repaired since."""
    for name in (f"{model.name}.g1", "checkpoints", "parked"):
        read.database[name].delete_many({})
    read.checkpoints.create(model.name, 1, PARTITIONS)
    spoil(write, stream, version)
    read.drain([model])
    repair(write)
    assert [one.stream for one in read.parking.every()] == [stream]


@pytest.mark.parametrize("moment", get_args(Moment))
@each_case
def test_dying_once_at_any_write_spoils_nothing(  # noqa: PLR0917 - what each is about
    write: WriteSide, read: ReadSide, model: ReadModel, stream: str, version: int, moment: Moment
) -> None:
    """It is retried; or the projector comes first, which finishes what was begun."""
    died_at: list[str] = []
    while True:
        park(write, read, model, stream, version)
        with dying(read.database, len(died_at) + 1, moment) as death:
            assert retry(write, read, model, stream)
        if not death.dead:
            break
        died_at.append(death.written[-1])
        assert audit(write.log, read.database, [model]) == [], f"even now: {died_at}"
        if (len(died_at) + len(moment)) % 2:
            read.expire_leases()
            read.drain([model])
            assert audit(write.log, read.database, [model]) == [], died_at
            assert all(one.mending is None for one in read.parking.every()), "what was begun is finished"
        assert retry(write, read, model, stream)
        assert read.parking.every() == []
        assert audit(write.log, read.database, [model]) == [], died_at
    assert {"parked.update_one", "parked.delete_one", f"{model.name}.g1.bulk_write"} <= set(died_at)
