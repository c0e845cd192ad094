"""A claim that is lost: with a primary that had not replicated it, or with a mongod that was killed.

The counter of positions is set back to what it was, as the next primary has it, while commits that were
inserted above it are there. That is all that such a failover does to the log.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.errors import LogMismatchError
from bus.log.commit import Commit
from bus.log.log import Log
from bus.log.positions import HighestRead
from bus.messages.registry import AnyCommand
from bus.messages.values import OrderStatus
from read_side.projections import READ_MODELS
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.interleavings.protection import Protection, must, protected_by
from tests.support import messages
from write_side.audit import audit

IN_ORDER = "a later version stands above an earlier one"
FACTS_FIRST = "an order stands above the customer that it is placed for"
AT_ONCE = "what finds its position taken is appended at the second claim"

PRODUCTS: tuple[AnyCommand, ...] = (
    messages.add_product(),
    messages.add_product(product_id="p2", name="Tea", unit_price=450),
)


@contextmanager
def _nothing_was_read() -> Iterator[None]:
    with mock.patch.object(HighestRead, "highest", return_value=0):
        yield


@contextmanager
def _nothing_stands_anywhere() -> Iterator[None]:
    with mock.patch.object(Log, "_occupied", return_value=0):
        yield


@contextmanager
def claims_lost(database: Database[StoredDocument]) -> Iterator[None]:
    """What is claimed within the block is unknown to the next primary; what is inserted is not."""
    before = database.positions.find_one({"_id": "claimed"})
    yield
    database.positions.delete_many({})
    if before is not None:
        database.positions.insert_one(before)


def a_shop(database: Database[StoredDocument], *, customer: bool = True) -> WriteSide:
    write = WriteSide(database)
    write.create()
    if customer:
        write.do(messages.register_customer())
    for command in PRODUCTS:
        write.do(command)
    return write


def with_a_hole(write: WriteSide, insert: Callable[[], Any]) -> Any:
    """Insert something with a position of somebody slow just below it."""
    write.log._claim([_nobodys(partition("c1"))])
    return insert()


def _nobodys(home: int) -> Any:
    return mock.Mock(partition=home, at_position=lambda seq: Commit(partition=home, seq=seq))


@protected_by(Protection("claims above what was read", IN_ORDER, _nothing_was_read))
def test_a_confirmation_stands_above_its_order(
    database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> None:
    write = a_shop(database)
    with claims_lost(database):
        order = order_id("c1")
        placed = with_a_hole(write, lambda: write.do(messages.place_order(order_id=order)))
    confirmed = write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=order))
    must(IN_ORDER, confirmed.seq > placed.seq, True)
    assert audit(database, write.log.partitions) == []
    read = ReadSide(write.log, read_models)
    read.create()
    read.drain()
    assert read.parking.every() == []
    assert read.documents(READ_MODELS[0])[order]["status"] == "confirmed"


@protected_by(Protection("claims above what was read", FACTS_FIRST, _nothing_was_read))
def test_an_order_stands_above_the_customer_it_is_placed_for(database: Database[StoredDocument]) -> None:
    write = a_shop(database, customer=False)
    with claims_lost(database):
        registered = with_a_hole(write, lambda: write.do(messages.register_customer()))
    placed = write.do(messages.place_order(order_id=order_id("c1")))
    assert registered.partition == placed.partition
    must(FACTS_FIRST, placed.seq > registered.seq, True)


@protected_by(Protection("the look at what stands", AT_ONCE, _nothing_stands_anywhere))
def test_the_next_command_catches_up_with_a_lost_block_and_is_charged_nothing(
    database: Database[StoredDocument],
) -> None:
    write = a_shop(database)
    home = partition("c1")
    with claims_lost(database):
        write.log.close([(home, claimed.seq) for claimed in write.log._claim([_nobodys(home)] * 100)])
    another = WriteSide(database)  # a process that has read nothing yet
    entry = another.accept(messages.register_customer(customer_id=_in(home)), command_id="late")
    with mock.patch.object(another.log, "_claim", wraps=another.log._claim) as claims:
        try:
            outcome = another.handling(entry)
        except LogMismatchError:
            outcome = None
    must(AT_ONCE, (outcome is not None, claims.call_count), (True, 2))
    counted = database.commands.find_one({"_id": "late"}) or {}
    assert "errors" not in counted


def _in(home: int) -> str:
    return next(name for name in (f"c{n}" for n in range(2, 100)) if partition(name) == home)
