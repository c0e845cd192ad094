"""In the order accepted: a command sees all that was accepted before it, whichever is delivered first."""

import inspect
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bus.connections.clients import write_database
from bus.messages.customers import ChangeCustomer
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus
from bus.messages.registry import AnyCommand
from bus.messages.streams import partition_of
from bus.messages.values import OrderStatus
from bus.settings import Settings
from tests.integration.sides import PARTITIONS, WriteSide, order_id
from tests.support import messages
from write_side.audit import audit
from write_side.domain.aggregates import Aggregate, aggregate_for
from write_side.errors import EarlierUnfinishedError
from write_side.handling import decisions

MAX_ATTEMPTS = 3
SEVEN = 7


@pytest.fixture
def shop(settings: Settings) -> Iterator[WriteSide]:
    database = write_database(settings)
    shop = WriteSide(database, MAX_ATTEMPTS)
    shop.create()
    yield shop
    database.client.close()


def _seven(customer_id: str, product_id: str) -> tuple[AnyCommand, ...]:
    """Customer, product, price change, order, confirm, ship, deliver: each needs those before it."""
    placed = order_id(customer_id)
    return (
        messages.register_customer(customer_id=customer_id),
        messages.add_product(product_id=product_id, unit_price=100),
        messages.change_product(product_id=product_id, unit_price=300),
        messages.place_order(
            customer_id=customer_id, order_id=placed, items=({"product_id": product_id, "quantity": 2},)
        ),
        messages.change_order_status(OrderStatus.CONFIRMED, order_id=placed),
        messages.change_order_status(OrderStatus.SHIPPED, order_id=placed),
        messages.change_order_status(OrderStatus.DELIVERED, order_id=placed),
    )


def _state(shop: WriteSide, stream: str) -> Any:
    newest = shop.log.newest(partition_of(stream, PARTITIONS), stream)
    assert newest is not None
    return newest.state


def test_whichever_is_delivered_first_all_seven_succeed_at_the_new_price(shop: WriteSide) -> None:
    numbers = count()

    @given(st.permutations(range(SEVEN)), st.integers(1, SEVEN))
    @example(list(range(SEVEN)), 1)
    @example(list(reversed(range(SEVEN))), 1)
    @example(list(range(SEVEN)), SEVEN)
    @example(list(reversed(range(SEVEN))), SEVEN)
    @examples(deadline=None, max_examples=30)
    def check(delivered: Sequence[int], threads: int) -> None:
        number = next(numbers)
        accepted = [shop.accept(command) for command in _seven(f"c{number}", f"p{number}")]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda place: shop.elsewhere(accepted[place]), delivered))
        outcomes = [shop.outcome(envelope) for envelope in accepted]
        assert [outcome.status for outcome in outcomes] == [CommandStatus.SUCCEEDED] * SEVEN
        assert [outcome.version for outcome in outcomes] == [1, 1, 2, 1, 2, 3, 4]
        assert outcomes[3].total == 2 * 300

    check()
    assert audit(shop.database, PARTITIONS) == []


@pytest.mark.parametrize("first", range(SEVEN))
def test_handling_one_alone_finishes_exactly_what_it_needs(shop: WriteSide, first: int) -> None:
    accepted = [shop.accept(command) for command in _seven("c1", "p1")]
    other = shop.accept(messages.add_product(product_id="p9"))
    later = shop.accept(messages.change_product(product_id="p1", unit_price=900))
    outcome = shop.handling(accepted[first])
    assert outcome is not None
    assert outcome.status is CommandStatus.SUCCEEDED
    needed = [{0}, {1}, {1, 2}, {0, 1, 2, 3}, {3, 4}, {3, 4, 5}, {3, 4, 5, 6}][first]
    needed |= {0, 1, 2} if first > 3 else set()
    assert {place for place in range(SEVEN) if shop.is_finished(accepted[place])} == needed
    assert not shop.is_finished(other)
    assert not shop.is_finished(later)


@pytest.mark.parametrize("threads", [1, 2])
def test_of_two_new_names_the_later_stays(shop: WriteSide, threads: int) -> None:
    shop.do(messages.register_customer())
    for number in range(10):
        earlier = shop.accept(messages.change_customer(name=f"Earlier {number}"))
        later = shop.accept(messages.change_customer(name=f"Later {number}"))
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(shop.elsewhere, (later, earlier)))
        assert _state(shop, "customer-c1")["name"] == f"Later {number}"
        assert (shop.outcome(later).version or 0) == (shop.outcome(earlier).version or 0) + 1


def test_one_that_has_a_long_queue_before_it_still_comes_last(shop: WriteSide) -> None:
    """More than the inbox gives at once."""
    shop.do(messages.register_customer())
    accepted = [shop.accept(messages.change_customer(name=f"Name {number}")) for number in range(110)]
    outcome = shop.handling(accepted[-1])
    assert outcome is not None
    assert outcome.version == 111
    assert _state(shop, "customer-c1")["name"] == "Name 109"
    assert [shop.outcome(envelope).version for envelope in accepted] == list(range(2, 112))


@pytest.mark.parametrize("threads", [1, 3])
def test_an_order_does_not_see_what_was_accepted_after_it(shop: WriteSide, threads: int) -> None:
    """Whichever is delivered first: as if each had been handled before the next was accepted."""
    for command in _seven("c1", "p1")[:3]:
        shop.do(command)
    order = shop.accept(_seven("c1", "p1")[3])
    repriced = shop.accept(messages.change_product(product_id="p1", unit_price=999))
    discontinued = shop.accept(messages.change_product(product_id="p1", discontinued=True))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(shop.elsewhere, (discontinued, repriced, order)))
    outcomes = [shop.outcome(envelope) for envelope in (order, repriced, discontinued)]
    assert [outcome.status for outcome in outcomes] == [CommandStatus.SUCCEEDED] * 3
    assert outcomes[0].total == 2 * 300


def _failing_for_customers() -> Any:
    def aggregate(command: AnyCommand) -> Aggregate[Any, Any, Any]:
        real = aggregate_for(command)
        if not isinstance(command, ChangeCustomer):
            return real
        return replace(real, decide=mock.Mock(side_effect=ZeroDivisionError("a bug")))

    return mock.patch.object(decisions, "aggregate_for", aggregate)


def test_an_earlier_one_that_fails_delays_then_lets_through(shop: WriteSide) -> None:
    for command in _seven("c1", "p1")[:3]:
        shop.do(command)
    broken = shop.accept(messages.change_customer(name="Bo"))
    order = shop.accept(_seven("c1", "p1")[3])
    with _failing_for_customers():
        for attempt in range(1, MAX_ATTEMPTS):
            with pytest.raises(EarlierUnfinishedError):
                shop.handling(order)
            assert shop.entry(broken).errors == attempt
        outcome = shop.handling(order)
    assert shop.entry(broken).status is CommandStatus.FAILED
    assert outcome is not None
    assert outcome.status is CommandStatus.SUCCEEDED


def test_one_that_needs_nothing_of_it_is_not_delayed(shop: WriteSide) -> None:
    for command in _seven("c1", "p1")[:3]:
        shop.do(command)
    broken: CommandEnvelope = shop.accept(messages.change_customer(name="Bo"))
    product = shop.accept(messages.change_product(product_id="p1", unit_price=5))
    with _failing_for_customers():
        assert shop.handling(product) is not None
    assert shop.entry(broken).errors == 0


def test_a_chain_is_helped_along_however_long_it_is(shop: WriteSide) -> None:
    """Each order waits for a price change, which waits for the order before."""
    for command in _seven("c1", "p0")[:3]:
        shop.do(command)
    links = range(30)
    for link in links:
        shop.do(messages.add_product(product_id=f"p{link + 1}"))
    accepted = []
    for link in links:
        items = tuple({"product_id": f"p{each}", "quantity": 1} for each in (link, link + 1))
        accepted.append(shop.accept(messages.place_order(order_id=order_id("c1", link), items=items)))
        accepted.append(shop.accept(messages.change_product(product_id=f"p{link + 1}", unit_price=7)))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)  # enough for one command, not for one a link
    try:
        outcome = shop.handling(accepted[-1])
    finally:
        sys.setrecursionlimit(limit)
    assert outcome is not None
    assert all(map(shop.is_finished, accepted))
    assert {shop.outcome(envelope).status for envelope in accepted} == {CommandStatus.SUCCEEDED}
