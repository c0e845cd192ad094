"""One runner at a time: leases, and what happens to whoever loses one in the middle of its work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from pymongo.errors import AutoReconnect

from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.errors import LeaseLostError
from read_side.projections import READ_MODELS
from read_side.projections.customers import CUSTOMERS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.product_sales import PRODUCT_SALES
from read_side.projector import catch_up
from read_side.projector.batch import Batch
from read_side.projector.catch_up import End
from read_side.projector.checkpoints import Checkpoints
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.support import messages
from tests.support.waiting import until

HOME = partition("c1")
O1 = order_id("c1")


def _open(write: WriteSide) -> None:
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=O1))


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


def test_what_could_not_be_let_go_of_is_free_for_its_process_alone(write: WriteSide, read: ReadSide) -> None:
    """The primary is lost at that moment; without this its models would stand still for ``LEASE_MS``."""
    _open(write)
    away = mock.patch.object(read.checkpoints._hasty, "update_one", side_effect=AutoReconnect("away"))
    lease = read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "this process")
    assert lease is not None
    with away, pytest.raises(AutoReconnect):
        read.checkpoints.release(lease)
    another = ReadSide(write.log, read.database)
    assert another.run(ORDER_SUMMARY, HOME).end is End.HELD
    assert read.run(ORDER_SUMMARY, HOME).end is End.DRAINED
    held = another.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "another")
    assert held is not None
    assert read.run(ORDER_SUMMARY, HOME).end is End.HELD, "somebody has taken it since"


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
    ("owner", "step"),
    [
        (Batch, "load"),
        (Batch, "write"),
        (Batch, "_write"),
        (Checkpoints, "move"),
    ],
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
