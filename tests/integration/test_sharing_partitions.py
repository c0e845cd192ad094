"""Several processes that project the same read models: who keeps what, and who gets it next."""

from collections.abc import Iterator
from datetime import timedelta
from unittest import mock

import pytest

from bus.connections.clients import read_database
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.generations.generations import Generations
from read_side.generations.registry import FIRST
from read_side.parked.retry_requests import REQUESTED
from read_side.projections import READ_MODELS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.projector import joint_pass
from read_side.projector.balance import Balance
from read_side.projector.checkpoints import ASK_MS
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.integration.spoiling import spoil
from tests.integration.taking_part import Joint
from tests.support import messages

HOME = partition("c1")
O1 = order_id("c1")
GENERATIONS = {(model.name, FIRST) for model in READ_MODELS}
NAMES = {model.name for model in READ_MODELS}


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    """However slow the machine is, no read model is dropped because it takes too long."""
    with mock.patch.object(joint_pass, "SLOW_S", 600.0):
        yield


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    for command in (
        messages.register_customer(),
        messages.add_product(),
        messages.add_product(product_id="p2"),
        messages.place_order(order_id=O1),
    ):
        write.do(command)
    return write


@pytest.fixture
def read(settings: Settings, write: WriteSide) -> Iterator[ReadSide]:
    database = read_database(settings)
    read = ReadSide(write.log, database, owner="a")
    read.create()
    yield read
    database.client.close()


class Process(Joint):
    """A process with a name, that counts what it has."""

    def __init__(self, write: WriteSide, read: ReadSide, owner: str) -> None:
        super().__init__(write.log, ReadSide(write.log, read.database, owner=owner))
        self.balance = Balance(self.read.checkpoints, owner, lambda: GENERATIONS)

    def look(self) -> None:
        """What happens every few seconds."""
        self.balance.turn()
        for runner in self.runners:
            runner.poke()
        self.turn()

    @property
    def partitions(self) -> set[int]:
        return {number for number in range(PARTITIONS) if self.taking_part(number)}


def test_the_first_has_all_and_keeps_it_while_idle(write: WriteSide, read: ReadSide) -> None:
    first, second = Process(write, read, "a"), Process(write, read, "b")
    first.look()
    second.turn()
    assert (first.partitions, second.partitions) == ({0, 1}, set())
    epochs = {one["_id"]: one["epoch"] for one in read.database.checkpoints.find()}
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    first.drain()
    assert {one["_id"]: one["epoch"] for one in read.database.checkpoints.find()} == epochs
    assert audit(write.log, read.database) == []


def test_one_that_has_two_fewer_asks_and_is_handed_one_over(write: WriteSide, read: ReadSide) -> None:
    first, second = Process(write, read, "a"), Process(write, read, "b")
    first.look()
    second.look()
    assert second.partitions == set(), "it has only asked"
    first.look()
    assert len(first.partitions) == 1
    [given] = {0, 1} - first.partitions
    assert first.bells.freed == [given]
    assert not {bell for bell in first.bells.silent if bell[1] == given}
    first.look()
    assert len(first.partitions) == 1, "it is kept for who has asked"
    second.look()
    assert second.partitions == {given}
    assert second.taking_part(given) == NAMES
    for _ in range(3):  # nothing goes back and forth
        for process in (first, second):
            process.look()
    assert (len(first.partitions), second.partitions) == (1, {given})
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    for process in (first, second):
        process.drain()
    assert audit(write.log, read.database) == []
    assert read.position(ORDER_SUMMARY, HOME) == write.log.head(HOME)


def test_one_that_asked_and_died_is_forgotten(write: WriteSide, read: ReadSide) -> None:
    first, second = Process(write, read, "a"), Process(write, read, "b")
    first.look()
    second.balance.turn()
    first.look()
    assert len(first.partitions) == 1
    long_ago = timedelta(milliseconds=ASK_MS + 1)
    for stored in read.database.checkpoints.find({"asked_at": {"$exists": True}}):
        change = {"$set": {"asked_at": stored["asked_at"] - long_ago}}
        read.database.checkpoints.update_one({"_id": stored["_id"]}, change)
    first.look()
    assert first.partitions == {0, 1}


def test_one_that_is_killed_leaves_all_to_the_others_when_its_leases_end(
    write: WriteSide, read: ReadSide
) -> None:
    killed, other = Process(write, read, "a"), Process(write, read, "b")
    killed.look()
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    other.look()
    assert other.partitions == set()
    read.expire_leases()
    other.look()
    assert other.partitions == {0, 1}
    assert other.read.documents(ORDER_SUMMARY)[O1]["status"] == "confirmed"


def test_one_that_stops_leaves_all_to_the_others_at_once(write: WriteSide, read: ReadSide) -> None:
    stopped, other = Process(write, read, "a"), Process(write, read, "b")
    stopped.look()
    for runner in stopped.runners:
        runner.give_up()
    assert sorted(stopped.bells.freed) == [0, 1]
    assert stopped.bells.silent == set()
    other.look()
    assert other.partitions == {0, 1}


def test_one_lease_taken_over_is_noticed_and_taken_again(write: WriteSide, read: ReadSide) -> None:
    process = Process(write, read, "a")
    process.look()
    lease = read.checkpoints.take_over(ORDER_SUMMARY.name, FIRST, HOME, "an operator")
    assert lease is not None
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    process.turn(HOME)
    assert process.taking_part(HOME) == NAMES - {ORDER_SUMMARY.name}
    read.checkpoints.release(lease)
    process.drain()
    assert process.taking_part(HOME) == NAMES
    assert audit(write.log, read.database) == []


def test_an_idle_one_that_is_poked_notices_that_a_lease_was_taken_over(
    write: WriteSide, read: ReadSide
) -> None:
    process = Process(write, read, "a")
    process.look()
    assert read.checkpoints.take_over(ORDER_SUMMARY.name, FIRST, HOME, "an operator")
    process.look()
    assert process.taking_part(HOME) == NAMES - {ORDER_SUMMARY.name}


def test_a_stream_that_is_to_be_mended_is_mended_in_a_run_of_its_own(
    write: WriteSide, read: ReadSide
) -> None:
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    spoil(write, f"order-{O1}", 2)
    process = Process(write, read, "a")
    process.drain()
    [parked] = read.parking.of(ORDER_SUMMARY.name, FIRST)
    read.parking.mark(parked, REQUESTED)
    lease = read.checkpoints.take_over(ORDER_SUMMARY.name, FIRST, HOME, "who asks")
    assert lease is not None
    read.checkpoints.release(lease)
    process.bells.rung.clear()
    process.look()
    assert process.taking_part(HOME) == NAMES - {ORDER_SUMMARY.name}
    assert (ORDER_SUMMARY.name, HOME) in process.bells.rung
    process.read.run(ORDER_SUMMARY, HOME)
    process.look()
    assert process.taking_part(HOME) == NAMES


def test_a_new_generation_is_taken_by_itself_and_one_that_is_gone_let_go_of(
    write: WriteSide, read: ReadSide
) -> None:
    process = Process(write, read, "a")
    process.look()
    generations = Generations(read.database)
    lease = generations.take(PRODUCTS.name, "rebuild")
    assert lease is not None
    number = generations.begin(lease, PRODUCTS.version)
    read.checkpoints.create(PRODUCTS.name, number, PARTITIONS)
    process.read.registry.forget()
    process.look()
    assert (PRODUCTS.name, HOME) in process.bells.silent, "nobody is to project it yet"
    generations.finish(lease, number)
    process.read.registry.forget()
    process.drain()
    assert (PRODUCTS.name, number) in process.runners[HOME].followers
    assert read.checkpoints.positions()[PRODUCTS.name, number, HOME] == write.log.head(HOME)
    read.database.read_models.update_one(
        {"_id": PRODUCTS.name}, {"$set": {f"generations.{number}.state": "gone"}}
    )
    process.read.registry.forget()
    process.look()
    assert read.checkpoints.take(PRODUCTS.name, number, HOME, "who deletes it"), "it is let go of"


def test_the_bell_of_a_model_that_another_version_projects_as_well_is_heard(
    write: WriteSide, read: ReadSide
) -> None:
    process = Process(write, read, "a")
    process.look()
    foreign = {"version": PRODUCTS.version + 1, "state": "ready", "was_live": False}
    read.database.read_models.update_one({"_id": PRODUCTS.name}, {"$set": {"generations.2": foreign}})
    process.read.registry.forget()
    process.look()
    assert process.bells.silent == {(name, n) for name in NAMES - {PRODUCTS.name} for n in range(PARTITIONS)}


def test_leases_that_a_server_kept_from_being_released_are_taken_again(
    write: WriteSide, read: ReadSide
) -> None:
    process = Process(write, read, "a")
    process.look()
    with mock.patch.object(process.read.checkpoints, "release_all"):
        process.read.checkpoints.let_go(f.lease for r in process.runners for f in r.followers.values())
    for runner in process.runners:
        runner.followers.clear()
    process.look()
    assert process.partitions == {0, 1}
