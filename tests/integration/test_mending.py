"""What was parked is retried after a fix, and the read model is as if nothing had been wrong."""

from collections.abc import Iterator
from unittest import mock

import pytest

from bus.messages.registry import AnyCommand
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.errors import LeaseLostError, RebuildNeededError
from read_side.parked import mending
from read_side.parked.parking import Parked
from read_side.parked.retry import ParkedRetry
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.projector import batch, catch_up
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition, written
from tests.integration.spoiling import repair, spoil
from tests.support import messages

HOME = partition("c1")
O1, O2, O3, O4 = (order_id("c1", number) for number in (1, 2, 3, 4))
FOREIGN = order_id("c2")
ORDER, CUSTOMER, PRODUCT = f"order-{O1}", "customer-c1", "product-p1"
MENDABLE = (ORDER_SUMMARY, ORDER_DETAIL, PRODUCTS)
OTHERS = tuple(model for model in READ_MODELS if model not in MENDABLE)

HISTORY: tuple[AnyCommand, ...] = (
    messages.add_product(),
    messages.add_product(product_id="p2"),
    messages.register_customer(),
    messages.register_customer(customer_id="c2", name="Bob"),
    messages.place_order(order_id=O1),
    messages.place_order(order_id=O2),
    messages.place_order(order_id=FOREIGN, customer_id="c2"),
    messages.change_product(unit_price=2400),
    messages.change_customer(name="Ann Baker"),
    messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1),
    messages.place_order(order_id=O3),
    messages.change_customer(name="Ann Cole"),
    messages.change_order_status(OrderStatus.SHIPPED, order_id=O1),
    messages.change_order_status(OrderStatus.CANCELLED, order_id=O3),
    messages.change_product(name="Pot"),
)
LATER: tuple[AnyCommand, ...] = (
    messages.place_order(order_id=O4),
    messages.change_customer(name="Ann Dole"),
    messages.change_order_status(OrderStatus.DELIVERED, order_id=O1),
    messages.change_order_status(OrderStatus.CONFIRMED, order_id=O4),
    messages.change_product(discontinued=True),
)
POISON: dict[str, tuple[tuple[str, int], ...]] = {
    "an order's first": ((ORDER, 1),),
    "an order's second": ((ORDER, 2),),
    "an order's last": ((ORDER, 3),),
    "two of an order": ((ORDER, 1), (ORDER, 3)),
    "a customer's first": ((CUSTOMER, 1),),
    "a rename": ((CUSTOMER, 2),),
    "two renames": ((CUSTOMER, 2), (CUSTOMER, 3)),
    "a rename and an order of the customer": ((CUSTOMER, 2), (ORDER, 2)),
    "a customer's and an order's first": ((CUSTOMER, 1), (ORDER, 1)),
    "a product's first": ((PRODUCT, 1),),
    "a product's second and third": ((PRODUCT, 2), (PRODUCT, 3)),
}
each_poison = pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
each_mendable = pytest.mark.parametrize("model", MENDABLE, ids=lambda model: str(model.name))


@pytest.fixture
def write(settings: Settings) -> Iterator[WriteSide]:
    with written(settings, HISTORY) as write:
        yield write


@pytest.fixture(autouse=True)
def _small_steps() -> Iterator[None]:
    with (
        mock.patch.object(catch_up, "BATCH", 4),
        mock.patch.object(batch, "SPREAD_CHUNK", 2),
        mock.patch.object(mending, "CHUNK", 2),
    ):
        yield


def parked_retry(write: WriteSide, read: ReadSide) -> ParkedRetry:
    return ParkedRetry(write.log, read.registry, read.checkpoints, read.parking, "an operator")


def retry(write: WriteSide, read: ReadSide, *models: ReadModel) -> list[Parked]:
    """Retry all that is parked in these models; return what stays parked."""
    names = {model.name for model in models}
    parked = [one for one in read.parking.every() if one.name in names]
    left = [parked_retry(write, read).retry(one) for one in parked]
    return [one for one in left if one is not None]


def parked(read: ReadSide, model: ReadModel) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in range(PARTITIONS):
        found |= read.parking.streams(model.name, 1, each)
    return found


@each_poison
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after more has come"])
def test_after_the_fix_it_is_as_if_nothing_had_been_wrong(
    write: WriteSide, read: ReadSide, poison: tuple[tuple[str, int], ...], *, later: bool
) -> None:
    for stream, version in poison:
        spoil(write, stream, version)
    read.drain(MENDABLE)
    if later:
        for command in LATER:
            write.do(command)
        read.drain(MENDABLE)
    assert audit(write.log, read.database, MENDABLE) == []
    for model in MENDABLE:  # what cannot be read might be anything's
        assert parked(read, model).keys() == {stream for stream, _ in poison}
    repair(write)

    assert retry(write, read, *MENDABLE) == []

    for model in MENDABLE:
        assert parked(read, model) == {}
    assert audit(write.log, read.database, MENDABLE) == []
    if not later:
        for command in LATER:
            write.do(command)
        read.drain(MENDABLE)
    assert audit(write.log, read.database, MENDABLE) == []
    shown = read.documents(ORDER_DETAIL)
    assert [shown[order]["customer_name"] for order in (O1, O2, O3, O4)] == ["Ann Dole"] * 4
    assert (shown[O1]["status"], shown[O1]["version"], shown[FOREIGN]["customer_name"]) == (
        "delivered",
        4,
        "Bob",
    )


@each_mendable
def test_without_a_fix_it_stays_parked(write: WriteSide, read: ReadSide, model: ReadModel) -> None:
    for stream in (ORDER, CUSTOMER, PRODUCT):
        spoil(write, stream, 2)
    read.drain([model])
    before = read.documents(model), parked(read, model)
    positions = [one.since for one in read.parking.every()]

    left = retry(write, read, model)

    assert {one.stream: one.seq for one in left} == before[1] == parked(read, model)
    assert before[0] == read.documents(model)
    assert positions == [one.since for one in read.parking.every()]
    assert all(one.mending is None for one in read.parking.every())
    assert audit(write.log, read.database, [model]) == []


@pytest.mark.parametrize("model", [ORDER_SUMMARY, ORDER_DETAIL], ids=lambda model: str(model.name))
@pytest.mark.parametrize("stream", [ORDER, CUSTOMER])
def test_a_fix_that_is_half_a_fix_helps_half_the_way(
    write: WriteSide, read: ReadSide, model: ReadModel, stream: str
) -> None:
    first, second = spoil(write, stream, 1), spoil(write, stream, 3)
    read.drain([model])
    [since] = [one.since for one in read.parking.every()]
    assert parked(read, model) == {stream: first}
    write.database.commits.update_one({"seq": first, "partition": HOME}, {"$set": {"events.0.v": 1}})

    [left] = retry(write, read, model)

    assert (left.stream, left.seq, "version 99" in left.error) == (stream, second, True)
    [now] = read.parking.every()
    assert (now.seq, now.error, now.since) == (second, left.error, since), "it is stale for as long"
    assert audit(write.log, read.database, [model]) == []
    repair(write)
    assert retry(write, read, model) == []
    assert audit(write.log, read.database, [model]) == []


@pytest.mark.parametrize("model", [ORDER_SUMMARY, ORDER_DETAIL], ids=lambda model: str(model.name))
@pytest.mark.parametrize("stream", [ORDER, CUSTOMER])
def test_a_build_that_stops_earlier_takes_back_what_it_cannot_fold(
    write: WriteSide, read: ReadSide, model: ReadModel, stream: str
) -> None:
    """An older build does the retry: it cannot read what was folded before the stream was parked."""
    spoil(write, stream, 3)
    read.drain([model])
    earlier = spoil(write, stream, 2)

    [left] = retry(write, read, model)

    assert (left.stream, left.seq) == (stream, earlier)
    assert parked(read, model) == {stream: earlier}
    assert audit(write.log, read.database, [model]) == []
    repair(write)
    assert retry(write, read, model) == []
    assert audit(write.log, read.database, [model]) == []


@pytest.mark.parametrize("model", OTHERS, ids=lambda model: str(model.name))
def test_where_documents_are_shared_only_a_rebuild_helps(
    write: WriteSide, read: ReadSide, model: ReadModel
) -> None:
    seq = spoil(write, ORDER, 2)
    read.drain([model])
    before = read.documents(model)
    repair(write)
    [one] = read.parking.every()
    with pytest.raises(RebuildNeededError, match=f"python -m read_side rebuild {model.name}"):
        parked_retry(write, read).retry(one)
    assert (read.documents(model), parked(read, model)) == (before, {ORDER: seq})
    assert read.run(model, HOME).end is catch_up.End.DRAINED, "nobody holds the lease"


def test_whoever_holds_the_lease_loses_it(write: WriteSide, read: ReadSide) -> None:
    spoil(write, ORDER, 2)
    read.drain([ORDER_SUMMARY])
    repair(write)
    held = read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "a busy runner")
    assert held is not None
    assert retry(write, read, ORDER_SUMMARY) == []
    with pytest.raises(LeaseLostError):
        read.checkpoints.renew(held)
    assert read.run(ORDER_SUMMARY, HOME).end is catch_up.End.DRAINED
    assert audit(write.log, read.database, [ORDER_SUMMARY]) == []


def test_what_somebody_else_has_mended_is_mended(write: WriteSide, read: ReadSide) -> None:
    spoil(write, ORDER, 2)
    read.drain([ORDER_SUMMARY])
    repair(write)
    [one] = read.parking.every()
    assert parked_retry(write, read).retry(one) is None
    assert parked_retry(write, read).retry(one) is None
    assert audit(write.log, read.database, [ORDER_SUMMARY]) == []


def test_what_another_event_stops_at_is_said_and_changes_nothing(write: WriteSide, read: ReadSide) -> None:
    """Another build may refuse what this one took: then a document of both cannot be folded at all."""
    spoil(write, CUSTOMER, 2)
    read.drain([ORDER_SUMMARY])
    repair(write)
    other = spoil(write, ORDER, 2)
    before = read.documents(ORDER_SUMMARY), parked(read, ORDER_SUMMARY)
    [left] = retry(write, read, ORDER_SUMMARY)
    assert left.error.startswith(f"{ORDER} at {other}")
    assert (read.documents(ORDER_SUMMARY), parked(read, ORDER_SUMMARY)) == before
