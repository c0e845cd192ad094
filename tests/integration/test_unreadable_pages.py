"""A backlog with commands of a newer build: what lies behind a page of them is not taken for nothing."""

from collections.abc import Iterator

import pytest

from bus.connections import write_database
from bus.inbox import PAGE
from bus.messages.outcome import CommandStatus
from bus.settings import Settings
from tests import messages
from tests.integration.shop import WriteSide, order_id


@pytest.fixture
def write(settings: Settings) -> Iterator[WriteSide]:
    database = write_database(settings)
    with database.client:
        write = WriteSide(database)
        write.create()
        write.do(messages.add_product())
        write.do(messages.add_product(product_id="p2", name="Tea", unit_price=450))
        yield write


def _spoil(write: WriteSide, **where: object) -> None:
    of_a_newer_build = {"$set": {"envelope.command.type": "OfANewerBuild"}}
    write.database.commands.update_many({"status": "accepted", **where}, of_a_newer_build)


def test_a_full_page_with_one_that_cannot_be_read_is_still_a_full_page(write: WriteSide) -> None:
    for number in range(2 * PAGE):  # a backlog of two pages about somebody else
        write.accept(messages.change_customer(customer_id="c9", name=f"N{number}"))
    first = write.database.commands.find_one({"stream": "customer-c9"}, sort=[("accepted_ts", 1)])
    assert first is not None
    _spoil(write, _id=first["_id"])
    renames = write.accept(messages.change_customer(customer_id="c9", name="last"))
    registers = write.accept(messages.register_customer())
    places = write.accept(messages.place_order(order_id=order_id("c1")))
    write.handling._turns([renames, places])  # as when two threads bring them at the same time
    assert write.entry(registers).outcome is None  # accepted before, not decided yet
    assert write.entry(places).outcome is None


@pytest.mark.parametrize("pages", [1, 2])
def test_behind_pages_of_nothing_else_the_earlier_one_is_found(write: WriteSide, pages: int) -> None:
    for number in range(pages * PAGE):
        write.accept(messages.change_customer(name=f"N{number}"))
    _spoil(write, stream="customer-c1")
    registers = write.accept(messages.register_customer())
    places = write.accept(messages.place_order(order_id=order_id("c1")))
    outcome = write.handling(places)
    assert outcome is not None
    assert (outcome.status, write.outcome(registers).status) == (CommandStatus.SUCCEEDED,) * 2
