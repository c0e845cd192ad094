"""Who stalls past its lease, and wakes when a stream was mended meanwhile, spoils nothing of it.

Each is stopped before each of its writes in turn. While it sleeps the lease is taken over and the stream is
mended, and it wakes at once, or when others have gone on.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple, get_args
from unittest import mock

import pytest

from bus.connections.clients import read_database
from bus.messages.customers import ChangeCustomer
from bus.messages.registry import AnyCommand
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.errors import LeaseLostError
from read_side.parked import mending
from read_side.parked.retry import ParkedRetry
from read_side.projections.order_detail import ORDER_DETAIL as MODEL
from read_side.projector import batch
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.integration.spoiling import repair, spoil
from tests.integration.stalls import stalls_at_writes
from tests.support import messages

HOME = partition("c1")
O1, O2, O3, O4 = (order_id("c1", number) for number in (1, 2, 3, 4))
ORDER, CUSTOMER = f"order-{O1}", "customer-c1"

BEFORE: tuple[AnyCommand, ...] = (
    messages.register_customer(),
    messages.add_product(),
    messages.add_product(product_id="p2"),
    messages.place_order(order_id=O1),
    messages.place_order(order_id=O2),
    messages.change_customer(name="Ann Baker"),
    messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1),
    messages.change_customer(name="Ann Cole"),
    messages.change_order_status(OrderStatus.CONFIRMED, order_id=O2),
)
"""In the end each order has something that is not parked: mended, it is at the position where it was."""
MISSED: tuple[AnyCommand, ...] = (
    messages.place_order(order_id=O3),
    messages.change_order_status(OrderStatus.SHIPPED, order_id=O2),
    messages.change_customer(name="Ann Dole"),
    messages.change_order_status(OrderStatus.SHIPPED, order_id=O1),
    messages.place_order(order_id=O4),
    messages.change_order_status(OrderStatus.CANCELLED, order_id=O3),
)
"""What the sleeper has read, and folded without what was parked."""
AFTER: tuple[AnyCommand, ...] = (
    messages.change_order_status(OrderStatus.DELIVERED, order_id=O1),
    messages.change_customer(name="Ann Egan"),
)


Wakes = Literal["at once", "late", "late and dies"]
"""Before others go on or after it; and whether all it does then is one write."""


class Case(NamedTuple):
    """What is parked; whether names change after that, which sets older ones right; how it goes on."""

    stream: str
    version: int
    with_renames: bool
    wakes: Wakes


PARKED = (
    (ORDER, 1, True),
    (ORDER, 2, True),
    (CUSTOMER, 2, True),
    (CUSTOMER, 2, False),
)


def each_case(turn: int) -> pytest.MarkDecorator:
    """Every parked stream with one way to wake, another one in each ``turn``; the rest are thorough."""
    wakes = get_args(Wakes)
    cases = [
        pytest.param(
            Case(*parked, woken),
            marks=[] if (number + turn) % len(wakes) == way else [pytest.mark.thorough],
            id=f"{parked[0][:8]}-{parked[1]}-{parked[2]:d}-{woken}",
        )
        for number, parked in enumerate(PARKED)
        for way, woken in enumerate(wakes)
    ]
    return pytest.mark.parametrize("case", cases)


@pytest.fixture
def read(settings: Settings, write: WriteSide) -> Iterator[ReadSide]:
    database = read_database(settings)
    read = ReadSide(write.log, database)
    read.create([MODEL])
    yield read
    database.client.close()


@pytest.fixture(autouse=True)
def _small_steps() -> Iterator[None]:
    with mock.patch.object(batch, "SPREAD_CHUNK", 2), mock.patch.object(mending, "CHUNK", 2):
        yield


class History:
    """Commits made once, and appended as often as a test begins anew."""

    def __init__(self, write: WriteSide, *, with_renames: bool) -> None:
        self._commits = write.database.commits
        missed, after = (
            [command for command in commands if with_renames or not isinstance(command, ChangeCustomer)]
            for commands in (MISSED, AFTER)
        )
        for command in (*BEFORE, *missed, *after):
            write.do(command)
        stored = list(self._commits.find().sort([("partition", 1), ("seq", 1)]))
        of_products = [commit for commit in stored if commit["partition"] != HOME]
        at_home = [commit for commit in stored if commit["partition"] == HOME]
        late = len(at_home) - len(after)
        self._early, self._late = (of_products + at_home[:late], at_home[late:])
        self._missed = len(missed)

    def begin(self) -> None:
        """What comes before the sleeper falls asleep, without what it has read last."""
        self._commits.delete_many({})
        self._commits.insert_many(self._early[: -self._missed])

    def go_on(self) -> None:
        self._commits.insert_many(self._early[-self._missed :])

    def end(self) -> None:
        self._commits.insert_many(self._late)


def retry(write: WriteSide, read: ReadSide) -> None:
    parked_retry = ParkedRetry(write.log, read.registry, read.checkpoints, read.parking, "an operator")
    for one in read.parking.every():
        assert parked_retry.retry(one) is None


Step = Callable[[History], object]


def each_stall(  # noqa: PLR0917 - what happens, in its order
    write: WriteSide, read: ReadSide, case: Case, given: Step, sleeper: Step, meanwhile: Step
) -> int:
    """Let ``sleeper`` stall before each of its writes in turn; return how many those are."""
    history = History(write, with_renames=case.with_renames)
    for stalled_at in range(100):
        for name in (f"{MODEL.name}.g1", "checkpoints", "parked"):
            read.database[name].delete_many({})
        read.checkpoints.create(MODEL.name, 1, PARTITIONS)
        other = process(write, read)
        history.begin()
        given(history)
        with stalls_at_writes(read.database) as start:
            player = start(partial(sleeper, history))
            for _ in range(stalled_at + 1):
                player.go_on()
            if player.done:
                return stalled_at
            meanwhile(history)
            assert read.parking.every() == []
            history.end()
            if case.wakes != "at once":
                drain(other)
            if case.wakes == "late and dies":
                player.go_on()
                player.kill()
            while not player.done:
                player.go_on()
        drain(other)
        assert read.parking.every() == []
        assert audit(write.log, read.database, [MODEL]) == [], f"stalled before write {stalled_at}"
        assert read.position(MODEL, HOME) == write.log.head(HOME)
    raise AssertionError("it does not end")


def process(write: WriteSide, read: ReadSide) -> ReadSide:
    """Another one, which remembers nothing of the log."""
    return ReadSide(write.log, read.database)


def runs(write: WriteSide, read: ReadSide) -> Step:
    return lambda _: process(write, read).run(MODEL, HOME)


def drain(read: ReadSide) -> None:
    """As somebody does to whom all leases have run out."""
    read.expire_leases()
    read.drain([MODEL])


@each_case(0)
def test_a_runner_that_has_skipped_what_was_parked(write: WriteSide, read: ReadSide, case: Case) -> None:
    def given(history: History) -> None:
        spoil(write, case.stream, case.version)
        process(write, read).drain([MODEL])
        repair(write)
        history.go_on()

    def meanwhile(_: History) -> None:
        retry(write, process(write, read))

    assert each_stall(write, read, case, given, runs(write, read), meanwhile) >= 4


@each_case(1)
def test_a_runner_that_is_about_to_park_it(write: WriteSide, read: ReadSide, case: Case) -> None:
    def given(history: History) -> None:
        history.go_on()
        spoil(write, case.stream, case.version)

    def meanwhile(_: History) -> None:
        other = process(write, read)
        drain(other)
        assert [one.stream for one in read.parking.every()] == [case.stream]
        repair(write)
        retry(write, other)

    assert each_stall(write, read, case, given, runs(write, read), meanwhile) >= 4


@each_case(2)
def test_a_retry_that_another_has_overtaken(write: WriteSide, read: ReadSide, case: Case) -> None:
    def given(history: History) -> None:
        spoil(write, case.stream, case.version)
        process(write, read).drain([MODEL])
        repair(write)
        history.go_on()

    def sleeper(_: History) -> None:
        with suppress(LeaseLostError):
            retry(write, process(write, read))

    def meanwhile(_: History) -> None:
        retry(write, process(write, read))

    assert each_stall(write, read, case, given, sleeper, meanwhile) > 4
