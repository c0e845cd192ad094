"""Who may rebuild: one at a time, and nobody that was overtaken."""

from collections.abc import Iterator
from unittest import mock

import pytest

from bus.connections.clients import read_database
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.errors import GenerationError, RebuildLostError, RebuildRefusedError, RebuildStoppedError
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.rebuild.rebuild import Rebuild
from tests.integration.rebuilding import Rebuilding, Worker, changed, quick
from tests.integration.sides import WriteSide, order_id, written
from tests.support import messages

HISTORY = (
    messages.register_customer(),
    messages.add_product(),
    messages.add_product(product_id="p2"),
    messages.place_order(order_id=order_id("c1")),
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


def test_two_rebuilds_of_one_model_exclude_each_other(write: WriteSide, worker: Worker) -> None:
    first, second = (Rebuilding(write.log, worker.database, [worker]) for _ in range(2))
    fill = first.fill
    other_model: list[int] = []

    def meanwhile(*args: object) -> None:
        with pytest.raises(RebuildRefusedError, match="products is being rebuilt by rebuild "):
            second.run(PRODUCTS)
        with pytest.raises(RebuildRefusedError):
            Rebuild(second.tools, PRODUCTS).put_in_service(1)
        other_model.append(second.run(ORDER_SUMMARY).generation)
        fill(*args)  # type: ignore[arg-type]

    object.__setattr__(first.tools, "fill", meanwhile)
    assert first.run(PRODUCTS).generation == 2
    assert other_model == [2]
    assert second.run(PRODUCTS).generation == 3, "the lease was not let go of"


@pytest.mark.parametrize("step", ["begin", "finish", "put_in_service"])
def test_a_rebuild_that_was_overtaken_changes_nothing(write: WriteSide, worker: Worker, step: str) -> None:
    """It slept for longer than its lease, and wakes up in the middle."""
    slow, quicker = (Rebuilding(write.log, worker.database, [worker]) for _ in range(2))
    original = getattr(slow.generations, step)

    def overtaken(*args: object, **options: object) -> object:
        slow.expire_leases()
        assert quicker.run(PRODUCTS).live
        return original(*args, **options)

    with mock.patch.object(slow.generations, step, overtaken), pytest.raises(RebuildLostError):
        slow.run(PRODUCTS)
    assert slow.registered("products") == {1: "retiring", 2: "live"}
    assert audit(write.log, worker.database, [PRODUCTS]) == []


def test_one_that_was_switched_meanwhile_is_not_switched_again(
    write: WriteSide, worker: Worker, rebuilding: Rebuilding
) -> None:
    rebuilding.run(PRODUCTS, keep_old=True)
    original = rebuilding.generations.put_in_service

    def switched(*args: object, **options: object) -> None:
        rebuilding.generations.use("products", 1, instead_of=2)
        original(*args, **options)  # type: ignore[arg-type]

    with (
        mock.patch.object(rebuilding.generations, "put_in_service", switched),
        pytest.raises(GenerationError, match="changed meanwhile"),
    ):
        rebuilding.run(PRODUCTS)
    assert rebuilding.registered("products") == {1: "live", 2: "ready", 3: "ready"}


def test_told_to_stop_it_stops_and_can_be_gone_on_with(worker: Worker, rebuilding: Rebuilding) -> None:
    rebuilding.stopping.set()
    with pytest.raises(RebuildStoppedError, match="told to stop"):
        rebuilding.run(PRODUCTS)
    assert rebuilding.registered("products") == {1: "live", 2: "building"}
    rebuilding.stopping.clear()
    assert rebuilding.run(PRODUCTS).generation == 2


def test_an_unfinished_one_of_another_version_is_not_gone_on_with(
    write: WriteSide, worker: Worker, rebuilding: Rebuilding
) -> None:
    rebuilding.stopping.set()
    with pytest.raises(RebuildStoppedError):
        rebuilding.run(changed(PRODUCTS))
    rebuilding.stopping.clear()
    assert rebuilding.run(PRODUCTS).generation == 3
    assert rebuilding.registered("products") == {1: "retiring", 2: "gone", 3: "live"}
    rebuilding.retirement.turn()
    assert rebuilding.registered("products") == {1: "retiring", 3: "live"}
