"""A rebuild: what becomes live, what was live stays as it was, and who may do it."""

from collections.abc import Iterator
from typing import get_args
from unittest import mock

import pytest

from bus.connections.clients import read_database
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.errors import RebuildStoppedError
from read_side.generations.registry import Registry
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.projector import batch, catch_up
from read_side.rebuild import handover
from read_side.rebuild.rebuild import Rebuild
from tests.integration.crashes import Moment, dying
from tests.integration.rebuilding import Rebuilding, Worker, quick
from tests.integration.sides import PARTITIONS, WriteSide, order_id, partition, written
from tests.integration.spoiling import set_aside
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
    messages.change_product(name="Pot"),
    messages.change_order_status(OrderStatus.SHIPPED, order_id=O1),
)


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


@pytest.fixture
def write(settings: Settings) -> Iterator[WriteSide]:
    with written(settings, HISTORY) as write:
        yield write


@pytest.fixture
def worker(settings: Settings, write: WriteSide) -> Iterator[Worker]:
    database = read_database(settings)
    worker = Worker(write.log, database)
    worker.start()
    worker.ring_for_all()
    yield worker
    database.client.close()


@pytest.fixture
def rebuilding(write: WriteSide, worker: Worker) -> Rebuilding:
    return Rebuilding(write.log, worker.database, [worker])


@pytest.mark.parametrize("model", READ_MODELS, ids=lambda model: str(model.name))
def test_the_new_generation_is_what_the_old_one_was_and_is_projected_on(
    write: WriteSide, worker: Worker, rebuilding: Rebuilding, model: ReadModel
) -> None:
    before = rebuilding.documents(model, 1)
    rebuilt = rebuilding.run(model)
    assert (rebuilt.generation, rebuilt.previous, rebuilt.live, rebuilt.parked) == (2, 1, True, 0)
    assert rebuilt.commits == sum(write.log.head(partition) for partition in range(PARTITIONS))
    assert rebuilt.comparison.documents == len(before)
    assert not rebuilt.comparison.differs
    assert rebuilding.documents(model, 2) == before
    assert rebuilding.registered(model.name) == {1: "retiring", 2: "live"}
    assert {document["_id"] for document in worker.database[model.name].find()} == set(before)
    made = worker.registry.collection(model.name, 2).index_information()
    assert made == worker.registry.collection(model.name, 1).index_information()
    # Both go on.
    write.do(messages.place_order(order_id=O3))
    write.do(messages.change_customer(name="Ann Cooper"))
    write.do(messages.change_product(name="Kettle"))
    worker.ring_for_all()
    assert audit(write.log, worker.database, [model]) == []
    assert rebuilding.documents(model, 2) == rebuilding.documents(model, 1) != before
    assert list(worker.database[model.name].find()) == list(rebuilding.documents(model, 2).values())


def test_damage_is_found_and_mended(worker: Worker, rebuilding: Rebuilding) -> None:
    live = worker.registry.collection(ORDER_SUMMARY.name, 1)
    live.update_one({"_id": O1}, {"$set": {"total": 1}})
    live.delete_one({"_id": O2})
    live.insert_one({"_id": "surplus", "_pos": 1})
    comparison = rebuilding.run(ORDER_SUMMARY).comparison
    assert (comparison.changed, comparison.added, comparison.removed, comparison.moving) == (1, 1, 1, 0)
    told = {(change.document, change.field, change.live, change.new) for change in comparison.changes}
    assert (O1, "total", 1, 6350) in told
    assert audit(rebuilding.tools.log, worker.database, [ORDER_SUMMARY]) == []


def test_what_cannot_be_folded_is_parked_afresh(
    write: WriteSide, worker: Worker, rebuilding: Rebuilding
) -> None:
    """What is parked no longer fails, what failed since then is parked."""
    set_aside(worker.parking, ORDER_SUMMARY.name, HOME, f"order-{O1}", 1)
    where = {"stream": f"order-{O2}", "version": 2}
    write.database.commits.update_one(where, {"$set": {"events.0.v": 99}})
    rebuilt = rebuilding.run(ORDER_SUMMARY)
    assert rebuilt.parked == 1
    assert list(worker.parking.streams(ORDER_SUMMARY.name, 2, HOME)) == [f"order-{O2}"]
    assert audit(write.log, worker.database, [ORDER_SUMMARY]) == []


def test_the_old_one_can_be_kept_or_put_back(
    worker: Worker, rebuilding: Rebuilding, write: WriteSide
) -> None:
    rebuilding.run(PRODUCTS, keep_old=True)
    assert rebuilding.registered("products") == {1: "ready", 2: "live"}
    rebuilding.run(PRODUCTS)
    assert rebuilding.registered("products") == {1: "ready", 2: "retiring", 3: "live"}
    Rebuild(rebuilding.tools, PRODUCTS).put_in_service(2)
    assert rebuilding.registered("products") == {1: "ready", 2: "live", 3: "ready"}
    assert rebuilding.generations.entry("products").generations[2].until is None, "it would retire"
    write.do(messages.change_product(name="Kettle"))
    worker.ring_for_all()
    assert worker.database.products.find_one({"_id": "p1"}, {"name": True}) == {"_id": "p1", "name": "Kettle"}
    assert audit(write.log, worker.database, [PRODUCTS]) == []
    # One that was live is not what a rebuild goes on with.
    assert rebuilding.run(PRODUCTS).generation == 4


def test_one_that_is_prepared_is_put_in_service_by_the_next(worker: Worker, rebuilding: Rebuilding) -> None:
    assert not rebuilding.run(PRODUCTS, swap=False).live
    assert rebuilding.registered("products") == {1: "live", 2: "ready"}
    rebuilt = rebuilding.run(PRODUCTS)
    assert (rebuilt.generation, rebuilt.live, rebuilt.commits) == (2, True, 0)


@pytest.mark.parametrize("moment", get_args(Moment))
def test_dying_once_at_any_write_leaves_what_is_live_and_is_gone_on_with(
    write: WriteSide, worker: Worker, rebuilding: Rebuilding, moment: Moment
) -> None:
    model = ORDER_DETAIL
    expected = rebuilding.documents(model, 1)
    died_at: list[str] = []
    with mock.patch.object(catch_up, "BATCH", 4), mock.patch.object(batch, "SPREAD_CHUNK", 1):
        while True:
            _one_generation(worker, model)
            with dying(worker.database, len(died_at) + 1, moment) as death:
                rebuilding.run(model)
            if not death.dead:
                break
            died_at.append(death.written[-1])
            live = Registry(worker.database).live(model.name)
            assert rebuilding.documents(model, live) == expected, died_at[-1]
            rebuilding.expire_leases()
            if live == 1:
                again = rebuilding.run(model)
                assert again.generation in {2, 3}
            live = Registry(worker.database).live(model.name)
            assert live != 1
            assert rebuilding.documents(model, live) == expected, died_at[-1]
            assert audit(write.log, worker.database, [model]) == []
            rebuilding.retirement.turn()
            assert list(worker.database[model.name].find()) == list(
                rebuilding.documents(model, live).values()
            )
    written = set(died_at)
    assert {f"{model.name}.g2.bulk_write", "checkpoints.update_one", "read_models.update_one"} <= written


def _one_generation(worker: Worker, model: ReadModel) -> None:
    """As before the first rebuild."""
    database = worker.database
    for number in (2, 3):
        database.drop_collection(f"{model.name}.g{number}")
        worker.checkpoints.delete(model.name, number)
    database.read_models.delete_one({"_id": model.name})
    database.drop_collection(model.name)
    worker.registry.create([model])
    worker.registry.forget()


def test_it_is_not_put_in_service_unless_a_worker_projects_it(write: WriteSide, worker: Worker) -> None:
    alone = Rebuilding(write.log, worker.database)
    stopped = pytest.raises(RebuildStoppedError, match=r"no worker projects products\.g2")
    with mock.patch.object(handover, "FOLLOWED_S", 0.3), stopped:
        alone.run(PRODUCTS)
    assert alone.registered("products") == {1: "live", 2: "ready"}
    with_workers = Rebuilding(write.log, worker.database, [worker])
    assert with_workers.run(PRODUCTS).generation == 2
    assert with_workers.registered("products") == {1: "retiring", 2: "live"}


def test_it_is_not_put_in_service_before_it_is_where_the_live_one_is(
    write: WriteSide, worker: Worker, rebuilding: Rebuilding
) -> None:
    """The workers project the new one, but always a little later than the old one."""
    lagging: list[bool] = []
    projected = worker.registry.projected

    def only_the_live_one(model: ReadModel) -> list[int]:
        found = projected(model)
        if model is PRODUCTS and len(lagging) < 20:
            lagging.append(True)
            write.do(messages.change_product(name=f"Pot {len(lagging)}"))
            return found[:1]
        return found

    put = rebuilding.generations.put_in_service
    behind: list[int] = []

    def measured(*args: object, **options: object) -> None:
        at = worker.checkpoints.positions()
        behind.extend(at["products", 1, p] - at["products", 2, p] for p in range(PARTITIONS))
        put(*args, **options)  # type: ignore[arg-type]

    with (
        mock.patch.object(handover, "FOLLOWED_S", 60.0),
        mock.patch.object(worker.registry, "projected", only_the_live_one),
        mock.patch.object(rebuilding.generations, "put_in_service", measured),
    ):
        rebuilding.run(PRODUCTS)
    assert behind == [0] * PARTITIONS
