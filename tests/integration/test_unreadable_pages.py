"""A backlog with commands of a newer build: what lies behind them is not taken for nothing."""

import pytest

from bus.messages.outcome import CommandStatus
from tests.integration.sides import WriteSide, order_id
from tests.support import messages
from write_side.handling.in_flight import BATCH


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", name="Tea", unit_price=450))
    return write


def _spoil(write: WriteSide, **where: object) -> None:
    of_a_newer_build = {"$set": {"envelope.command.type": "OfANewerBuild"}}
    write.database.commands.update_many({"status": "accepted", **where}, of_a_newer_build)


def test_behind_one_that_cannot_be_read_the_earlier_ones_come_first(write: WriteSide) -> None:
    for number in range(2 * BATCH):  # a backlog of two batches about somebody else
        write.accept(messages.change_customer(customer_id="c9", name=f"N{number}"))
    first = write.database.commands.find_one({"stream": "customer-c9"}, sort=[("accepted_ts", 1)])
    assert first is not None
    _spoil(write, _id=first["_id"])
    renames = write.accept(messages.change_customer(customer_id="c9", name="last"))
    registers = write.accept(messages.register_customer())
    places = write.accept(messages.place_order(order_id=order_id("c1")))
    with write.handling as handler:
        handler.take([renames.command_id, places.command_id])
        handled = {entry.command_id for entry, _ in handler.turn()}
    assert renames.command_id not in handled
    assert not write.is_finished(renames)
    assert registers.command_id in handled or places.command_id not in handled, "accepted before"
    unreadable = write.database.commands.find_one({"_id": first["_id"]})
    assert unreadable is not None
    assert unreadable["status"] == CommandStatus.FAILED


@pytest.mark.parametrize("batches", [1, 2])
def test_behind_batches_of_nothing_else_the_earlier_one_is_found(write: WriteSide, batches: int) -> None:
    for number in range(batches * BATCH):
        write.accept(messages.change_customer(name=f"N{number}"))
    _spoil(write, stream="customer-c1")
    registers = write.accept(messages.register_customer())
    places = write.accept(messages.place_order(order_id=order_id("c1")))
    outcome = write.handling(places)
    assert outcome is not None
    assert (outcome.status, write.outcome(registers).status) == (CommandStatus.SUCCEEDED,) * 2
