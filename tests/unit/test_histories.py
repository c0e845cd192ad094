"""Whatever commands come in whatever order, the histories they make hold together."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from bus.messages.orders import OrderPlaced, OrderStatusChanged, PlaceOrder
from bus.messages.principal import Principal
from bus.messages.registry import AnyCommand, AnyEvent, from_stored, to_stored
from bus.messages.rejection import Rejection
from bus.messages.streams import customer_stream, product_stream
from bus.messages.values import MAX_TOTAL, OrderStatus
from tests.support.messages import (
    ANN,
    BOB,
    NOW,
    STAFF,
    add_product,
    change_customer,
    change_order_status,
    change_product,
    place_order,
    register_customer,
)
from tests.unit.strategies import notes
from write_side.domain.aggregates import aggregate_for, aggregate_of, fold
from write_side.domain.facts import Facts

Run = Sequence[tuple[AnyCommand, Principal, int]]

CONTRACT = {
    ("pending", "confirmed"),
    ("confirmed", "shipped"),
    ("shipped", "delivered"),
    ("pending", "cancelled"),
    ("confirmed", "cancelled"),
}

# Few ids, names and prices, so that commands meet each other.
customer_ids = st.sampled_from(["c1", "c2"])
product_ids = st.sampled_from(["p1", "p2", "p3"])
order_ids = st.sampled_from(["o1", "o2"])
names = st.sampled_from(["Ann", "Bob"])
prices = st.sampled_from([0, 1, 450, 10**9])
items = st.lists(
    st.fixed_dictionaries(
        {"product_id": product_ids, "quantity": st.sampled_from([1, 3, 10_000])},
        optional={"unit_price": st.sampled_from([0, 7, 500]), "discount": st.sampled_from([0, 1, 450])},
    ),
    min_size=1,
    max_size=5,
)
times = st.none() | st.integers(-5, 5).map(lambda hours: NOW + timedelta(hours=hours))
commands: st.SearchStrategy[AnyCommand] = st.one_of(
    st.builds(register_customer, customer_id=customer_ids, name=names),
    st.builds(change_customer, customer_id=customer_ids, name=st.none() | names),
    st.builds(
        add_product,
        product_id=product_ids,
        unit_price=prices,
        currency=st.sampled_from(["EUR", "EUR", "USD"]),
    ),
    st.builds(
        change_product,
        product_id=product_ids,
        unit_price=st.none() | prices,
        discontinued=st.sampled_from([None, None, False, True]),
    ),
    st.builds(
        place_order,
        order_id=order_ids,
        customer_id=st.none() | customer_ids,
        items=items,
        occurred_at=times,
    ),
    st.builds(
        change_order_status,
        order_id=order_ids,
        status=st.sampled_from(OrderStatus),
        note=notes,
        occurred_at=times,
    ),
)
asked = st.tuples(commands, st.sampled_from([STAFF, ANN, BOB]), st.integers(-3, 3))


class Shop:
    """The log and the states beside it, in memory; clocks go back and forth by hours."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}
        self.histories: dict[str, list[AnyEvent]] = defaultdict(list)

    def handle(self, command: AnyCommand, by: Principal, hours: int) -> tuple[AnyEvent, ...] | Rejection:
        products = command.items if isinstance(command, PlaceOrder) else ()
        facts = Facts(
            at=NOW + timedelta(hours=hours),
            by=by,
            customer=self.states.get(customer_stream(str(getattr(command, "customer_id", None)))),
            products={i.product_id: self.states.get(product_stream(i.product_id)) for i in products},
        )
        aggregate, state = aggregate_for(command), self.states.get(command.stream)
        came_to: tuple[AnyEvent, ...] | Rejection = aggregate.decide(state, command, facts)
        if not isinstance(came_to, Rejection) and came_to:
            self.states[command.stream] = fold(aggregate, state, came_to)
            self.histories[command.stream].extend(came_to)
        return came_to


def after(run: Run) -> Shop:
    """A shop where an order was placed, and what happened then."""
    known = register_customer(), add_product(), add_product(product_id="p2", unit_price=1), place_order()
    shop = Shop()
    for command, by, hours in [*((command, STAFF, 0) for command in known), *run]:
        shop.handle(command, by, hours)
    return shop


@given(st.lists(asked, max_size=40))
def test_every_state_is_the_fold_of_its_history(run: Run) -> None:
    shop = after(run)
    for stream, history in shop.histories.items():
        aggregate = aggregate_of(stream)
        read_back = [from_stored(to_stored(event)) for event in history]
        assert fold(aggregate, None, read_back) == shop.states[stream]
        assert {type(event) for event in history} <= set(aggregate.events)


@given(st.lists(asked, max_size=30))
def test_every_state_comes_back_from_bson(run: Run) -> None:
    shop = after(run)
    for stream, state in shop.states.items():
        aware: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
        stored = bson.decode(bson.encode(state.model_dump()), aware)
        assert aggregate_of(stream).state.model_validate(stored) == state


@given(st.lists(asked, max_size=30))
def test_deciding_is_a_function(run: Run) -> None:
    one, other = after(()), after(())
    for command, by, hours in run:
        assert one.handle(command, by, hours) == other.handle(command, by, hours)


@given(st.lists(asked, max_size=30))
def test_a_command_that_succeeded_is_quiet_or_taken_when_it_comes_again(run: Run) -> None:
    shop = after(())
    for command, by, hours in run:
        if not isinstance(shop.handle(command, by, hours), Rejection):
            again = shop.handle(command, by, hours)
            assert again == () or (isinstance(again, Rejection) and again.code == "id-taken")


@given(st.lists(asked, max_size=40))
def test_orders_add_up_and_move_as_the_contract_says(run: Run) -> None:
    shop = after(run)
    for stream, history in shop.histories.items():
        if not stream.startswith("order-"):
            continue
        placed, *changes = history
        assert isinstance(placed, OrderPlaced)
        assert all(
            line.line_total == line.quantity * line.unit_price - line.discount >= 0 for line in placed.lines
        )
        assert placed.total == sum(line.line_total for line in placed.lines) <= MAX_TOTAL
        assert placed.units == sum(line.quantity for line in placed.lines)
        status, last = OrderStatus.PENDING, placed.placed_at
        for change in changes:
            assert isinstance(change, OrderStatusChanged)
            assert (change.old_status, change.new_status) in CONTRACT
            assert change.old_status == status
            assert change.at >= last
            assert change.total == sum(line.amount for line in change.lines) == placed.total
            assert change.units == placed.units
            assert change.placed_at == placed.placed_at
            status, last = change.new_status, change.at
