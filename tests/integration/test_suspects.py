"""Commands that may kill their worker have their turn beside a flow of others that never ends."""

import pytest

from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus
from tests.integration.sides import WriteSide
from tests.support import messages
from write_side.handling.isolation import SUSPECT_AT_ONCE


@pytest.fixture
def shop(write: WriteSide) -> WriteSide:
    return write


def product(shop: WriteSide, product_id: str) -> CommandEnvelope:
    return shop.accept(messages.add_product(product_id=product_id))


def suspect(shop: WriteSide, product_id: str) -> CommandEnvelope:
    """A command that was under way each time that a worker died."""
    envelope = product(shop, product_id)
    died = {"$set": {"attempts": SUSPECT_AT_ONCE}}
    shop.database.commands.update_one({"_id": envelope.command_id}, died)
    return envelope


def turn(shop: WriteSide, *arrived: CommandEnvelope) -> list[str]:
    """What is handled in one turn after more has come."""
    shop.handling.take([one.command_id for one in arrived])
    handled = shop.handling.turn()
    assert all(not isinstance(result, Exception) for _, result in handled)
    return [entry.command_id for entry, _ in handled]


def test_a_suspect_and_the_others_have_turns_by_turns(shop: WriteSide) -> None:
    first, second = suspect(shop, "s1"), suspect(shop, "s2")
    others = [product(shop, f"p{number}") for number in range(4)]
    with shop.handling:
        assert turn(shop, first, second, others[0]) == [others[0].command_id]
        assert turn(shop, others[1]) == [first.command_id], "alone"
        assert turn(shop, others[2]) == [others[1].command_id, others[2].command_id]
        assert turn(shop, others[3]) == [second.command_id]
        assert turn(shop) == [others[3].command_id]
    assert {shop.outcome(one).status for one in (first, second, *others)} == {CommandStatus.SUCCEEDED}


def test_what_depends_on_a_suspect_comes_after_it_and_the_suspect_after_what_it_depends_on(
    shop: WriteSide,
) -> None:
    added = product(shop, "p1")
    change = messages.change_product(product_id="p1", unit_price=7)
    killer = shop.accept(change)
    shop.database.commands.update_one({"_id": killer.command_id}, {"$set": {"attempts": SUSPECT_AT_ONCE}})
    after = shop.accept(messages.change_product(product_id="p1", unit_price=9))
    with shop.handling:
        shop.handling.take([one.command_id for one in (added, killer, after)])
        assert turn(shop) == [added.command_id]
        assert turn(shop) == [killer.command_id]
        assert turn(shop) == [after.command_id]
    assert [shop.outcome(one).version for one in (added, killer, after)] == [1, 2, 3]
