"""The aggregates: for each, its commands, the events it makes, and the two functions between.

This table is the only place where they are registered. It is checked when it is built: a command or
an event of the language without an aggregate, or with two, is an error at start.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

from bus.messages.customers import CustomerCommand, CustomerEvent
from bus.messages.message import Message
from bus.messages.orders import OrderCommand, OrderEvent
from bus.messages.products import ProductCommand, ProductEvent
from bus.messages.registry import AnyCommand, AnyEvent
from bus.messages.rejection import Rejection
from write_side.domain import customers, orders, products
from write_side.domain.customers import Customer
from write_side.domain.facts import Facts
from write_side.domain.orders import Order
from write_side.domain.products import Product

S = TypeVar("S", bound=Message)
C = TypeVar("C", bound=Message)
E = TypeVar("E", bound=Message)


@dataclass(frozen=True)  # no slots: Python 3.11 cannot build a generic class with both
class Aggregate(Generic[S, C, E]):
    """A kind of thing, such as an order. Each one is decided about alone and has its own stream."""

    name: str
    """The category: the names of its streams begin with it."""
    state: type[S]
    commands: tuple[type[C], ...]
    events: tuple[type[E], ...]
    decide: Callable[[S | None, C, Facts], tuple[E, ...] | Rejection]
    evolve: Callable[[S | None, E], S]


@dataclass(frozen=True, slots=True)
class Table:
    """The aggregates, by type of command and by name."""

    by_command: Mapping[type[Message], Aggregate[Any, Any, Any]]
    by_name: Mapping[str, Aggregate[Any, Any, Any]]


def build(*aggregates: Aggregate[Any, Any, Any]) -> Table:
    """Build the table of the aggregates.

    Raises:
        ValueError: a command or event is left out, or it or a name is there twice.

    """
    _each_once("command", _members(AnyCommand), [kind for a in aggregates for kind in a.commands])
    _each_once("event", _members(AnyEvent), [kind for a in aggregates for kind in a.events])
    by_name = {aggregate.name: aggregate for aggregate in aggregates}
    if len(by_name) < len(aggregates):
        raise ValueError("two aggregates have the same name")
    return Table({kind: a for a in aggregates for kind in a.commands}, by_name)


def _members(language: Any) -> tuple[type[Message], ...]:
    """Return the classes of ``AnyCommand`` or ``AnyEvent``, which are annotated unions."""
    return get_args(get_args(language)[0])


def _each_once(what: str, language: Iterable[type[Message]], taken: list[type[Message]]) -> None:
    for kind in (*language, *taken):
        if taken.count(kind) != 1:
            raise ValueError(f"{what} {kind.__name__} belongs to {taken.count(kind)} aggregates, not to one")


TABLE = build(
    Aggregate[Customer, CustomerCommand, CustomerEvent](
        name="customer",
        state=Customer,
        commands=get_args(CustomerCommand),
        events=get_args(CustomerEvent),
        decide=customers.decide,
        evolve=customers.evolve,
    ),
    Aggregate[Product, ProductCommand, ProductEvent](
        name="product",
        state=Product,
        commands=get_args(ProductCommand),
        events=get_args(ProductEvent),
        decide=products.decide,
        evolve=products.evolve,
    ),
    Aggregate[Order, OrderCommand, OrderEvent](
        name="order",
        state=Order,
        commands=get_args(OrderCommand),
        events=get_args(OrderEvent),
        decide=orders.decide,
        evolve=orders.evolve,
    ),
)


def aggregate_for(command: AnyCommand) -> Aggregate[Any, Any, Any]:
    """Return the aggregate that decides a command."""
    return TABLE.by_command[type(command)]


def aggregate_of(stream: str) -> Aggregate[Any, Any, Any]:
    """Return the aggregate of a stream's category; ``LookupError`` for a stream of no category."""
    return TABLE.by_name[stream.partition("-")[0]]


def fold(aggregate: Aggregate[S, C, E], state: S | None, events: Iterable[E]) -> S | None:
    """Return the state after the events; ``None`` if there never was one.

    Raises:
        ValueError: an event does not follow from the ones before it.

    """
    for event in events:
        state = aggregate.evolve(state, event)
    return state
