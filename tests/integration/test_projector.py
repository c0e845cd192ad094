"""The projector on a real MongoDB: it drains the log, one runner at a time, and stops where it must."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from bus.connections import read_database, write_database
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side import catch_up
from read_side.audit import audit
from read_side.batch import Batch
from read_side.catch_up import End
from read_side.checkpoints import Checkpoints
from read_side.errors import BehindTheCheckpointError, LeaseLostError
from read_side.projections import READ_MODELS
from read_side.projections.customers import CUSTOMERS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.product_sales import PRODUCT_SALES
from tests import messages
from tests.integration.shop import ReadSide, WriteSide, order_id, partition
from tests.waiting import until

HOME = partition("c1")
O1 = order_id("c1")


@pytest.fixture
def write(settings: Settings) -> Iterator[WriteSide]:
    database = write_database(settings)
    write = WriteSide(database)
    write.create()
    yield write
    database.client.close()


@pytest.fixture
def read(settings: Settings, write: WriteSide) -> Iterator[ReadSide]:
    database = read_database(settings)
    read = ReadSide(write.log, database)
    read.create()
    yield read
    database.client.close()


def _open(write: WriteSide) -> None:
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=O1))


@pytest.mark.parametrize("size", [1, 2, 1_000])
def test_a_run_drains_the_log(write: WriteSide, read: ReadSide, size: int) -> None:
    _open(write)
    with mock.patch.object(catch_up, "BATCH", size):
        read.drain()
    assert read.documents(ORDER_SUMMARY)[O1]["total"] == 2 * 2500 + 3 * 450
    assert read.position(ORDER_SUMMARY, HOME) == write.log.head(HOME)
    assert ("order_summary", HOME) in read.announced
    assert audit(write.log, read.database) == []
    # Nothing is left to do: neither documents nor checkpoints move.
    before = [read.documents(model) for model in READ_MODELS], read.checkpoints.positions()
    read.drain()
    assert ([read.documents(model) for model in READ_MODELS], read.checkpoints.positions()) == before


def test_what_is_appended_while_the_lease_is_held_is_seen_by_its_holder(
    write: WriteSide, read: ReadSide
) -> None:
    _open(write)
    release = read.checkpoints.release

    def late(lease: Any) -> None:
        read.checkpoints.release = release  # type: ignore[method-assign]
        write.do(messages.change_order_status(order_id=O1))
        # Its bell finds the lease held, and so does nothing.
        assert read.run(ORDER_SUMMARY, HOME).end is End.HELD
        release(lease)

    with mock.patch.object(read.checkpoints, "release", late):
        assert read.run(ORDER_SUMMARY, HOME).end is End.DRAINED
    assert read.documents(ORDER_SUMMARY)[O1]["status"] == "confirmed"


def test_a_second_runner_is_held_off(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    lease = read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "somebody")
    assert lease is not None
    assert read.run(ORDER_SUMMARY, HOME).end is End.HELD
    assert read.documents(ORDER_SUMMARY) == {}
    # Other models and partitions are not held off.
    assert read.run(ORDER_SUMMARY, 1 - HOME).end is End.DRAINED
    assert read.run(CUSTOMERS, HOME).end is End.DRAINED
    read.checkpoints.release(lease)
    assert read.run(ORDER_SUMMARY, HOME).end is End.DRAINED


def test_a_lease_runs_out_by_the_servers_clock(write: WriteSide, read: ReadSide) -> None:
    def server_time() -> datetime:
        now: datetime = read.database.command("hello")["localTime"]
        return now.replace(tzinfo=UTC)

    before = server_time()
    assert Checkpoints(read.database, 60_000).take(ORDER_SUMMARY.name, 1, HOME, "slow")
    [held] = read.database.checkpoints.find({"name": ORDER_SUMMARY.name, "partition": HOME})
    assert before <= held["expires_at"] - timedelta(minutes=1) <= server_time()
    assert read.run(ORDER_SUMMARY, HOME).end is End.HELD
    assert Checkpoints(read.database, 20).take(CUSTOMERS.name, 1, HOME, "dead")
    until(lambda: read.run(CUSTOMERS, HOME).end is End.DRAINED, 10, "the dead runner's lease runs out")


def test_a_runner_that_lost_its_lease_moves_nothing(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    lost = read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "slow")
    assert lost is not None
    read.expire_leases()
    read.drain([ORDER_SUMMARY])
    position = read.position(ORDER_SUMMARY, HOME)
    with pytest.raises(LeaseLostError):
        read.checkpoints.move(lost, position + 1)
    with pytest.raises(LeaseLostError):
        read.checkpoints.renew(lost)
    held = read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "next")
    assert held is not None
    read.checkpoints.release(lost)
    assert read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "third") is None, "it let go of another's lease"
    with pytest.raises(LeaseLostError):
        read.checkpoints.move(held, position - 1)
    assert read.position(ORDER_SUMMARY, HOME) == position


@pytest.mark.parametrize(
    ("owner", "step"), [(Batch, "load"), (Batch, "write"), (Batch, "_write"), (Checkpoints, "move")]
)
@pytest.mark.parametrize(
    "model", [ORDER_SUMMARY, PRODUCT_SALES, CUSTOMERS], ids=lambda model: str(model.name)
)
def test_a_runner_that_is_overtaken_in_the_middle_spoils_nothing(
    write: WriteSide, read: ReadSide, owner: type, step: str, model: Any
) -> None:
    _open(write)
    read.drain([model])
    write.do(messages.place_order(order_id=order_id("c1", 2)))
    write.do(messages.change_order_status(order_id=O1))
    other = ReadSide(write.log, read.database)
    original: Callable[..., Any] = getattr(owner, step)
    overtaken: list[str] = []

    def stalls(self: Any, *args: Any) -> Any:
        if not overtaken:
            overtaken.append(step)
            read.expire_leases()
            other.drain([model])
            write.do(messages.change_customer(name=f"Ann {step}"))
            write.do(messages.change_product(product_id="p1", name="Pot"))
            write.do(messages.change_order_status(OrderStatus.CANCELLED, order_id=O1))
            other.drain([model])
        return original(self, *args)

    with mock.patch.object(owner, step, stalls):
        ends = [read.run(model, each).end for each in (0, 1)]
    assert overtaken
    assert End.HELD in ends
    assert audit(write.log, read.database, [model]) == []
    assert read.position(model, HOME) == write.log.head(HOME)


def test_many_runners_whose_leases_run_out_at_once_agree_in_the_end(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    for number in range(2, 12):
        write.do(messages.place_order(order_id=order_id("c1", number)))
        write.do(messages.change_customer(name=f"Ann {number}"))
    runners = [ReadSide(write.log, read.database, lease_ms=1) for _ in range(6)]
    jobs = [(runner, model) for model in READ_MODELS for runner in runners]
    with mock.patch.object(catch_up, "BATCH", 3), ThreadPoolExecutor(len(runners)) as pool:
        ends = list(pool.map(lambda job: job[0].run(job[1], HOME).end, jobs))
    assert set(ends) <= {End.DRAINED, End.HELD}
    read.expire_leases()
    read.drain()
    assert audit(write.log, read.database) == []


def _hole(write: WriteSide) -> int:
    """A position that is claimed and not filled."""
    write.database.positions.update_one({"_id": HOME}, {"$inc": {"seq": 1}})
    return write.log.head(HOME) + 1


def test_a_hole_is_waited_for_and_then_closed(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    hole = _hole(write)
    write.do(messages.change_order_status(order_id=O1))
    patient = ReadSide(write.log, read.database, grace_ms=60_000)
    run = patient.run(ORDER_SUMMARY, HOME)
    assert run.end is End.HOLE
    assert 0 < run.wait_s <= 60
    assert read.documents(ORDER_SUMMARY)[O1]["status"] == "pending"
    assert read.position(ORDER_SUMMARY, HOME) == hole - 1
    # Once the grace is over for it, the same runner closes it.
    with mock.patch.object(patient.around.holes, "_grace", 0.0):
        assert patient.run(ORDER_SUMMARY, HOME).end is End.DRAINED
    assert read.documents(ORDER_SUMMARY)[O1]["status"] == "confirmed"
    tombstone = write.database.commits.find_one({"partition": HOME, "seq": hole}, {"_id": False})
    assert tombstone == {"partition": HOME, "seq": hole}


def test_a_hole_that_fills_in_time_is_not_closed(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    hole = _hole(write)
    write.do(messages.change_order_status(order_id=O1))
    patient = ReadSide(write.log, read.database, grace_ms=60_000)
    assert patient.run(ORDER_SUMMARY, HOME).end is End.HOLE
    late = {"partition": HOME, "seq": hole, "command_id": "late", "outcome": {}}
    write.database.commits.insert_one(dict(late))
    assert patient.run(ORDER_SUMMARY, HOME).end is End.DRAINED
    assert write.database.commits.find_one({"partition": HOME, "seq": hole}, {"_id": False}) == late


def test_a_checkpoint_beyond_the_head_stops_the_projector(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    read.drain([ORDER_SUMMARY])
    write.database.commits.delete_many({"partition": HOME, "seq": {"$gte": 2}})
    with pytest.raises(BehindTheCheckpointError, match="order_summary"):
        read.run(ORDER_SUMMARY, HOME)
    with pytest.raises(BehindTheCheckpointError):
        audit(write.log, read.database, [ORDER_SUMMARY])
    assert read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "next"), "the lease was not let go of"


def test_a_runner_that_is_to_stop_stops(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    read.stopping.set()
    assert read.run(ORDER_SUMMARY, HOME).end is End.STOPPED
    assert read.position(ORDER_SUMMARY, HOME) == 0
