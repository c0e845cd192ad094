"""All read models of a partition in one pass: the fold of the log, whoever dies, fails or is overtaken."""

from collections.abc import Callable, Iterator
from typing import Any, get_args
from unittest import mock

import pytest
from pymongo.errors import AutoReconnect

from bus.log.log import Log
from bus.messages.values import OrderStatus
from bus.queue import retries
from read_side.audit.audit import audit
from read_side.projections import READ_MODELS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.projector import batch, joint_pass, runner
from read_side.projector.batch import Batch
from read_side.projector.catch_up import End
from read_side.projector.checkpoints import Checkpoints
from tests.integration.crashes import Moment, dying
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.integration.taking_part import Joint
from tests.support import messages

HOME = partition("c1")
NAMES = {model.name for model in READ_MODELS}
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
    messages.change_order_status(OrderStatus.SHIPPED, order_id=O1),
)


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    for command in HISTORY:
        write.do(command)
    return write


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    """However slow the machine is, nobody takes too long. And both ways of writing have their turns."""
    with mock.patch.multiple(joint_pass, SLOW_S=600.0, FEW=3):
        yield


def _is_whole(write: WriteSide, read: ReadSide) -> None:
    assert audit(write.log, read.database) == []
    heads = [write.log.head(number) for number in range(PARTITIONS)]
    positions = {(name, number): at for (name, _, number), at in read.checkpoints.positions().items()}
    assert positions == {(name, number): heads[number] for name in NAMES for number in range(PARTITIONS)}


@pytest.mark.parametrize("sides", [0, 5])
@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_the_read_models_are_the_fold_of_the_log(
    write: WriteSide, read: ReadSide, size: int, sides: int
) -> None:
    joint = Joint(write.log, read, sides=sides)
    with mock.patch.object(runner, "BATCH", size):
        joint.drain()
    _is_whole(write, read)
    assert set(read.announced) >= {(name, HOME) for name in NAMES}
    assert joint.taking_part(HOME) == NAMES
    assert joint.bells.silent >= {(name, HOME) for name in NAMES}


def test_a_stretch_is_read_once_and_all_checkpoints_move_at_once(write: WriteSide, read: ReadSide) -> None:
    joint = Joint(write.log, read)
    joint.drain()
    write.do(messages.place_order(order_id=order_id("c1", 7)))
    with (
        mock.patch.object(Log, "read_within", autospec=True, side_effect=Log.read_within) as reads,
        mock.patch.object(Checkpoints, "move_all", autospec=True, side_effect=Checkpoints.move_all) as moves,
        mock.patch.object(Checkpoints, "move", autospec=True) as single,
    ):
        joint.turn(HOME)
    assert (reads.call_count, moves.call_count, single.call_count) == (1, 1, 0)
    _is_whole(write, read)


@pytest.mark.parametrize("moment", get_args(Moment))
def test_dying_once_at_any_write_changes_nothing(write: WriteSide, read: ReadSide, moment: Moment) -> None:
    """Also between the documents and the one move of the checkpoints, and in the middle of that."""
    where = {"stream": f"order-{O1}", "version": 2}
    assert write.database.commits.update_one(where, {"$set": {"events.0.v": 99}}).modified_count
    Joint(write.log, read).drain()
    expected = [read.documents(model) for model in READ_MODELS], _parked(read)
    died_at: list[str] = []
    with mock.patch.object(runner, "BATCH", 5), mock.patch.object(batch, "SPREAD_CHUNK", 1):
        while True:
            for model in READ_MODELS:
                read.database[f"{model.name}.g1"].delete_many({})
            for name in ("checkpoints", "parked"):
                read.database[name].delete_many({})
            read.create()
            with dying(read.database, len(died_at) + 1, moment) as death:
                Joint(write.log, ReadSide(write.log, read.database)).drain()
            if not death.dead:
                break
            died_at.append(death.written[-1])
            read.expire_leases()
            Joint(write.log, ReadSide(write.log, read.database)).drain()
            assert ([read.documents(model) for model in READ_MODELS], _parked(read)) == expected, died_at[-1]
    assert {"checkpoints.bulk_write", "order_detail.g1.bulk_write", "parked.update_one"} <= set(died_at)


def _parked(read: ReadSide) -> list[dict[str, int]]:
    return [read.parking.streams(model.name, 1, HOME) for model in READ_MODELS]


def test_one_that_fails_goes_on_by_itself_and_holds_up_nobody(write: WriteSide, read: ReadSide) -> None:
    joint = Joint(write.log, read)
    joint.drain()
    write.do(messages.change_order_status(OrderStatus.DELIVERED, order_id=O1))
    load = Batch.load

    def fails(self: Batch, *args: Any) -> None:
        if self._model is ORDER_DETAIL:
            raise ValueError("cannot be loaded")
        load(self, *args)

    with mock.patch.object(Batch, "load", fails):
        joint.turn(HOME)
        assert joint.taking_part(HOME) == NAMES - {ORDER_DETAIL.name}
        assert joint.bells.rung == [(ORDER_DETAIL.name, HOME)]
        write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O3))
        joint.turn(HOME)
        assert read.documents(ORDER_SUMMARY)[O3]["status"] == "confirmed"
        with pytest.raises(ValueError, match="cannot be loaded"):
            read.run(ORDER_DETAIL, HOME)
    assert read.position(ORDER_SUMMARY, HOME) == write.log.head(HOME) > read.position(ORDER_DETAIL, HOME)
    assert read.run(ORDER_DETAIL, HOME).end is End.DRAINED
    with mock.patch.object(joint.runners[HOME]._pauses, "left_ms", return_value=0):
        joint.drain()
    assert joint.taking_part(HOME) == NAMES
    _is_whole(write, read)


def test_a_server_that_is_away_fails_all_of_them_and_they_begin_anew(
    write: WriteSide, read: ReadSide
) -> None:
    joint = Joint(write.log, read)
    joint.drain()
    write.do(messages.change_order_status(OrderStatus.DELIVERED, order_id=O1))
    error = AutoReconnect("away")
    with (
        mock.patch.object(Batch, "write", side_effect=error),
        mock.patch.multiple(retries, MIN_BACKOFF_MS=600_000, AWAY_BACKOFF_MS=600_000),
    ):
        joint.turn(HOME)
    assert joint.taking_part(HOME) == set()
    assert joint.runners[HOME].due_in_s() > 0
    joint.drain()
    assert joint.taking_part(HOME) == NAMES
    _is_whole(write, read)


def test_one_that_takes_long_is_interrupted_between_two_steps(write: WriteSide, read: ReadSide) -> None:
    """A new name reaches the customer's orders one by one."""
    joint = Joint(write.log, read)
    joint.drain()
    write.do(messages.change_customer(name="Ann Cole"))
    write.do(messages.place_order(order_id=order_id("c1", 7)))
    with (
        mock.patch.multiple(joint_pass, SLOW_S=-1.0, MUCH_LONGER=1_000_000),  # only the bound counts
        mock.patch.object(batch, "SPREAD_CHUNK", 1),
    ):
        joint.turn(HOME)
    spreading = {ORDER_DETAIL.name, ORDER_SUMMARY.name}
    assert joint.taking_part(HOME) == NAMES - spreading
    assert set(joint.bells.rung) == {(name, HOME) for name in spreading}
    others = {name: at for (name, _, number), at in read.checkpoints.positions().items() if number == HOME}
    assert {others[name] for name in NAMES - spreading} == {write.log.head(HOME)}
    for model in (ORDER_DETAIL, ORDER_SUMMARY):
        assert read.run(model, HOME).end is End.DRAINED, "its lease was let go of"
    _is_whole(write, read)


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Batch, "load"),
        (Batch, "write"),
        (Batch, "_write"),
        (Checkpoints, "move_all"),
    ],
)
def test_a_runner_that_is_overtaken_in_the_middle_spoils_nothing(
    write: WriteSide, read: ReadSide, owner: type, step: str
) -> None:
    joint = Joint(write.log, read)
    joint.drain()
    write.do(messages.place_order(order_id=order_id("c1", 7)))
    other = Joint(write.log, ReadSide(write.log, read.database, owner="other"))
    original: Callable[..., Any] = getattr(owner, step)
    overtaken: list[str] = []

    def stalls(self: Any, *args: Any) -> Any:
        if not overtaken:
            overtaken.append(step)
            read.expire_leases()
            other.drain()
            assert other.taking_part(HOME) == NAMES
            write.do(messages.change_customer(name=f"Ann {step}"))
            write.do(messages.change_order_status(OrderStatus.DELIVERED, order_id=O1))
            other.drain()
        return original(self, *args)

    with mock.patch.object(owner, step, stalls):
        joint.turn(HOME)
    assert overtaken
    joint.runners[HOME].poke()
    joint.turn(HOME)
    assert joint.taking_part(HOME) == set(), "another process has the partition"
    other.drain()
    _is_whole(write, read)


def test_they_need_not_stand_at_the_same_position(write: WriteSide, read: ReadSide) -> None:
    read.drain([PRODUCTS, ORDER_SUMMARY])
    write.do(messages.change_order_status(OrderStatus.DELIVERED, order_id=O1))
    joint = Joint(write.log, read)
    joint.drain()
    assert joint.taking_part(HOME) == NAMES
    _is_whole(write, read)


def test_one_that_is_far_behind_catches_up_by_itself_first(write: WriteSide, read: ReadSide) -> None:
    read.drain([model for model in READ_MODELS if model is not ORDER_DETAIL])
    joint = Joint(write.log, read)
    with mock.patch("read_side.projector.admission.NEAR", 2):
        joint.drain()
        assert joint.taking_part(HOME) == NAMES - {ORDER_DETAIL.name}
        assert (ORDER_DETAIL.name, HOME) in joint.bells.rung
        assert (ORDER_DETAIL.name, HOME) not in joint.bells.silent
        assert read.run(ORDER_DETAIL, HOME).end is End.DRAINED
        joint.drain()
    assert joint.taking_part(HOME) == NAMES
    _is_whole(write, read)


def test_a_log_that_is_shorter_than_what_was_read_is_met_by_each_by_itself(
    write: WriteSide, read: ReadSide
) -> None:
    joint = Joint(write.log, read)
    joint.drain()
    write.database.commits.delete_many({"partition": HOME, "seq": {"$gte": 2}})
    with mock.patch.object(runner, "CHECK_HEAD_S", -1.0):
        joint.turn(HOME)
    assert joint.taking_part(HOME) == set()
    assert {name for name, number in joint.bells.rung if number == HOME} == NAMES
