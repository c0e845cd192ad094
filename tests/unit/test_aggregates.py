"""The table of aggregates: what it finds, and what it does not put up with."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from bus.messages.registry import AnyCommand, AnyEvent
from tests.support.messages import (
    EXAMPLES,
    add_product,
    change_customer,
    change_order_status,
    change_product,
    customer,
    customer_registered,
    customer_renamed,
    place_order,
    register_customer,
)
from tests.unit.projecting import place
from write_side.domain.aggregates import TABLE, Aggregate, aggregate_for, aggregate_of, build, fold

CUSTOMER, PRODUCT, ORDER = TABLE.by_name.values()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (register_customer(), "customer"),
        (change_customer(), "customer"),
        (add_product(), "product"),
        (change_product(), "product"),
        (place_order(), "order"),
        (change_order_status(), "order"),
    ],
)
def test_a_command_belongs_to_the_aggregate_of_its_stream(command: AnyCommand, name: str) -> None:
    assert aggregate_for(command).name == name
    assert aggregate_of(command.stream) is aggregate_for(command)


def test_every_command_and_event_has_its_aggregate() -> None:
    assert set(TABLE.by_command) == set(get_args(get_args(AnyCommand)[0]))
    events = [kind for aggregate in TABLE.by_name.values() for kind in aggregate.events]
    assert set(events) == set(get_args(get_args(AnyEvent)[0]))


def test_every_event_evolves_a_state() -> None:
    """An event without a case in ``evolve`` would be appended by nobody: it would end as a dead letter."""
    states: dict[str, Any] = {}
    for event in EXAMPLES:
        stream, _ = place(event)
        states[stream] = aggregate_of(stream).evolve(states.get(stream), event)
    assert all(isinstance(state, aggregate_of(stream).state) for stream, state in states.items())


def test_an_id_may_hold_dashes_and_colons() -> None:
    assert aggregate_of("customer-a-b:c") is CUSTOMER


@pytest.mark.parametrize("stream", ["basket-1", "", "customers"])
def test_a_stream_of_no_category(stream: str) -> None:
    with pytest.raises(LookupError):
        aggregate_of(stream)


@pytest.mark.parametrize(
    ("aggregates", "complaint"),
    [
        ((CUSTOMER, PRODUCT), "command PlaceOrder belongs to 0 aggregates"),
        ((CUSTOMER, PRODUCT, ORDER, ORDER), "command PlaceOrder belongs to 2 aggregates"),
        (
            (replace(CUSTOMER, commands=CUSTOMER.commands[:1]), PRODUCT, ORDER),
            "command ChangeCustomer belongs to 0 aggregates",
        ),
        (
            (CUSTOMER, PRODUCT, replace(ORDER, commands=ORDER.commands + PRODUCT.commands)),
            "command AddProduct belongs to 2 aggregates",
        ),
        (
            (CUSTOMER, replace(PRODUCT, events=PRODUCT.events[1:]), ORDER),
            "event ProductAdded belongs to 0 aggregates",
        ),
        (
            (CUSTOMER, PRODUCT, replace(ORDER, events=ORDER.events + CUSTOMER.events)),
            "event CustomerRegistered belongs to 2 aggregates",
        ),
        ((CUSTOMER, PRODUCT, replace(ORDER, name="product")), "two aggregates have the same name"),
    ],
)
def test_a_missing_or_second_handler_is_an_error_when_the_table_is_built(
    aggregates: tuple[Aggregate[Any, Any, Any], ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        build(*aggregates)


def test_folding_nothing_leaves_things_as_they_are() -> None:
    assert fold(CUSTOMER, None, ()) is None
    assert fold(CUSTOMER, customer(), ()) == customer()


def test_folding_takes_the_events_in_order() -> None:
    assert fold(CUSTOMER, None, (customer_registered(), customer_renamed())) == customer(name="Ann Baker")


def test_folding_may_go_on_from_a_state() -> None:
    assert fold(CUSTOMER, customer(), (customer_renamed(),)) == customer(name="Ann Baker")
