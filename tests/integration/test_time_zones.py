"""The shop's time zone is set to another one: days of two zones never stand in one generation."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from unittest import mock

import pytest

from bus.connections.clients import read_database
from bus.messages.values import OrderStatus
from bus.primitives.time_zones import time_zone
from bus.settings import Settings
from read_side import worker as worker_main
from read_side.audit.audit import audit
from read_side.errors import GenerationError, RebuildStoppedError
from read_side.projections import order_analytics, product_sales, read_models
from read_side.projections.model import ReadModel
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.product_sales import PRODUCT_SALES
from read_side.queries.status import StatusReader, attention
from read_side.queries.store import ReadStore
from read_side.rebuild.rebuild import Rebuild
from read_side.worker import tell_of_other_zones
from tests.integration.rebuilding import Rebuilding, Worker, quick
from tests.integration.sides import WriteSide, order_id
from tests.support import messages

KATHMANDU = "Asia/Kathmandu"
NAMES = (ORDER_ANALYTICS.name, PRODUCT_SALES.name)
EVENING = datetime(2024, 4, 30, 18, 30, tzinfo=UTC)
"""A quarter past midnight there, on the first day of another month."""


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


def table(zone: str) -> list[ReadModel]:
    return [model for model in read_models(time_zone(zone)) if model.name in {*NAMES, ORDER_SUMMARY.name}]


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=order_id("c1"), occurred_at=EVENING))
    return write


@pytest.fixture
def old(settings: Settings, write: WriteSide) -> Iterator[Worker]:
    """A worker from before the change."""
    database = read_database(settings)
    old = Worker(write.log, database, table("UTC"))
    old.start()
    old.ring_for_all()
    yield old
    database.client.close()


@pytest.fixture
def new(write: WriteSide, old: Worker) -> Worker:
    """One that was started with the other zone."""
    new = Worker(write.log, old.database, table(KATHMANDU))
    new.start()
    return new


def _days(store: ReadStore) -> list[str]:
    buckets = order_analytics.by_period(store.live(ORDER_ANALYTICS.name).documents)["buckets"]
    return [bucket["period"] for bucket in buckets for _ in range(bucket["orders"])]


def _months(store: ReadStore) -> set[str]:
    return {d["month"] for d in store.live(PRODUCT_SALES.name).documents.find({"month": {"$exists": True}})}


def _order_and_cancel(write: WriteSide, number: int) -> None:
    write.do(messages.place_order(order_id=order_id("c1", number), occurred_at=EVENING))
    write.do(messages.change_order_status(OrderStatus.CANCELLED, order_id=order_id("c1", number)))


def test_what_was_counted_in_a_zone_goes_on_in_it(write: WriteSide, old: Worker, new: Worker) -> None:
    """Whichever process projects; an order of before the change finds its day when it moves on."""
    write.do(messages.change_order_status(order_id=order_id("c1")))
    new.ring_for_all()
    _order_and_cancel(write, 2)
    old.ring_for_all()
    _order_and_cancel(write, 3)
    new.ring_for_all()
    for zone in ("UTC", KATHMANDU):
        assert audit(write.log, new.database, table(zone)) == []
        store = ReadStore(new.database, table(zone))
        assert (_days(store), _months(store)) == (["2024-04-30"] * 3, {"2024-04"})
        assert new.parking.counts_by_partition() == {}


def test_readers_know_by_whose_days_it_is_counted(write: WriteSide, old: Worker, new: Worker) -> None:
    store = ReadStore(new.database, table(KATHMANDU))
    for name in NAMES:
        served = store.live(name).model
        assert served is not None
        assert served.time_zone == "UTC"
    assert store.of_other_zones() == list(NAMES)
    assert ReadStore(new.database, table("UTC")).of_other_zones() == []


def test_the_change_is_noticed_at_start_and_said(write: WriteSide, new: Worker) -> None:
    with mock.patch.object(worker_main, "logger") as logger:
        assert tell_of_other_zones(new.registry, table(KATHMANDU)) == list(NAMES)
        assert tell_of_other_zones(new.registry, table("UTC")) == []
    told = [call.args[0] for call in logger.warning.call_args_list]
    assert [line.rpartition(" ")[2] for line in told] == list(NAMES)
    assert all("days of UTC, and SHOP_TIME_ZONE is Asia/Kathmandu" in line for line in told)

    new.ring_for_all()
    needed = attention(StatusReader(write.log, new.database, table(KATHMANDU)).look())
    assert [line.rpartition("python -m read_side ")[2] for line in needed] == [
        f"rebuild {name}" for name in NAMES
    ]
    assert attention(StatusReader(write.log, new.database, table("UTC")).look()) == []


def test_a_rebuild_counts_by_the_days_of_the_new_zone(write: WriteSide, old: Worker, new: Worker) -> None:
    _order_and_cancel(write, 2)
    rebuilding = Rebuilding(write.log, old.database, [old, new])
    for model in table(KATHMANDU):
        if model.name in NAMES:
            assert rebuilding.run(model).generation == 2
    _order_and_cancel(write, 3)
    for worker in (old, new):
        worker.ring_for_all()
    store = ReadStore(new.database, table(KATHMANDU))
    assert (_days(store), _months(store)) == (["2024-05-01"] * 3, {"2024-05"})
    assert store.of_other_zones() == []
    # The generation from before is still there to go back to, and goes on as well, by its own days.
    for generation, day in ((1, "2024-04-30"), (2, "2024-05-01")):
        for zone in ("UTC", KATHMANDU):
            model = order_analytics.made_for(time_zone(zone))
            results = audit(write.log, new.database, [model], generation=generation)
            assert results == []
        documents = rebuilding.documents(ORDER_ANALYTICS, generation)
        assert {document["day"] for document in documents.values()} == {day}
        assert sum(document["cancelled_orders"] for document in documents.values()) == 2


def test_a_rebuild_does_not_go_on_with_one_of_another_zone(write: WriteSide, old: Worker) -> None:
    rebuilding = Rebuilding(write.log, old.database, [old])
    there, here = (product_sales.made_for(time_zone(zone)) for zone in (KATHMANDU, "UTC"))
    stopped = replace(rebuilding.tools, fill=mock.Mock(side_effect=RebuildStoppedError("told to stop")))
    with pytest.raises(RebuildStoppedError):
        Rebuild(stopped, there).run()
    assert rebuilding.registered(PRODUCT_SALES.name) == {1: "live", 2: "building"}
    assert rebuilding.run(here).generation == 3
    assert {d["month"] for d in rebuilding.documents(here, 3).values() if "month" in d} == {"2024-04"}


def test_nothing_is_folded_for_a_generation_that_is_not_there(old: Worker) -> None:
    with pytest.raises(GenerationError, match=r"no product_sales\.g7"):
        old.registry.folding(PRODUCT_SALES, 7)
    assert old.registry.folding(ORDER_SUMMARY, 7) is ORDER_SUMMARY


def test_what_was_registered_before_there_was_a_setting_counts_by_the_days_of_utc(
    write: WriteSide, new: Worker
) -> None:
    new.database.read_models.update_many({}, {"$unset": {"generations.1.time_zone": True}})
    new.registry.forget()
    assert new.registry.folding(table(KATHMANDU)[1], 1).time_zone == "UTC"
    assert ReadStore(new.database, table(KATHMANDU)).of_other_zones() == list(NAMES)
