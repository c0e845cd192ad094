"""Orders: placed once at fixed prices, then moved along their life.

A line gets the product's price as all commands accepted before this one have left it, unless the
item names another.

pending → confirmed → shipped → delivered; pending and confirmed → cancelled.

All errors of an order that is being placed are reported at once. The rejection's ``code`` and
``detail`` are those of the first error, in this order: the customer, the lines in their order, the
total, the time.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import assert_never

from bus.messages.message import Message
from bus.messages.orders import (
    ChangeOrderStatus,
    OrderCancelled,
    OrderCommand,
    OrderConfirmed,
    OrderDelivered,
    OrderEvent,
    OrderPlaced,
    OrderShipped,
    OrderStatusChanged,
    PlaceOrder,
)
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from bus.messages.values import Currency, Id, LineAmount, Moment, OrderStatus
from write_side.domain.facts import Facts
from write_side.domain.pricing import Violation, price

WALK_IN = "Walk-in"
"""The customer's name on an order that belongs to nobody."""

_Move = type[OrderConfirmed] | type[OrderShipped] | type[OrderDelivered] | type[OrderCancelled]

MOVES: Mapping[OrderStatus, Mapping[OrderStatus, _Move]] = {
    OrderStatus.PENDING: {
        OrderStatus.CONFIRMED: OrderConfirmed,
        OrderStatus.CANCELLED: OrderCancelled,
    },
    OrderStatus.CONFIRMED: {
        OrderStatus.SHIPPED: OrderShipped,
        OrderStatus.CANCELLED: OrderCancelled,
    },
    OrderStatus.SHIPPED: {OrderStatus.DELIVERED: OrderDelivered},
    OrderStatus.DELIVERED: {},
    OrderStatus.CANCELLED: {},
}
"""The statuses to which an order can go from each status, and the event that tells the change."""


class Order(Message):
    """The part of an order that later decisions and events need; ``total`` is in minor units."""

    schema_version = 2
    order_id: Id
    customer_id: Id | None
    status: OrderStatus
    placed_at: Moment
    changed_at: Moment
    """The time of the last entry of its history; the next is not earlier."""
    currency: Currency
    total: int
    units: int
    lines: tuple[LineAmount, ...]


def decide(state: Order | None, command: OrderCommand, facts: Facts) -> tuple[OrderEvent, ...] | Rejection:
    """Return the events of a command, or its rejection; no events mean that it changes nothing."""
    match command:
        case PlaceOrder():
            if state is not None:
                return _conflict("id-taken", f"There already is an order {command.order_id}.")
            return _place(command, facts)
        case ChangeOrderStatus():
            # Somebody else's order is refused in the very words of one that is not there.
            if state is None or not facts.by.owns(state.customer_id):
                return Rejection(
                    kind=RejectionKind.NOT_FOUND,
                    code="unknown-order",
                    detail=f"There is no order {command.order_id}.",
                )
            return _change_status(state, command, facts)


def _place(command: PlaceOrder, facts: Facts) -> tuple[OrderEvent, ...] | Rejection:
    problems: list[Violation] = []
    name = facts.customer.name if facts.customer is not None else WALK_IN
    if facts.customer is None and command.customer_id is not None:
        unknown = f"there is no customer {command.customer_id}"
        problems.append(Violation("unknown-customer", "customer_id", unknown))
    quote = price(command.items, facts.products)
    problems.extend(quote.problems)
    problems.extend(_wrong_time(command.occurred_at, latest=facts.at))
    if problems:
        return _invalid(problems)
    placed = OrderPlaced(
        order_id=command.order_id,
        customer_id=command.customer_id,
        customer_name=name,
        reference=command.reference,
        placed_at=command.occurred_at or facts.at,
        currency=quote.currency,
        lines=quote.lines,
        total=quote.total,
        units=sum(line.quantity for line in quote.lines),
        shipping_address=command.shipping_address,
    )
    return (placed,)


def _change_status(
    order: Order, command: ChangeOrderStatus, facts: Facts
) -> tuple[OrderEvent, ...] | Rejection:
    """Ask three questions, in this order.

    Does the order have this status already? Then nothing happens, so a repeat succeeds. Is the
    change allowed? Is the given time possible?

    The moment of acceptance may be before the order's last entry: the clock was put right since, or
    it is the clock of the next primary. Then the time of that entry counts as now. A given time
    that is earlier is moved up to it, since the entry's own time cannot be trusted. No command is
    refused because a clock was wrong.
    """
    if command.status == order.status:
        return ()
    move = MOVES[order.status].get(command.status)
    if move is None:
        return _conflict(
            "status-not-allowed", f"An order that is {order.status} cannot become {command.status}."
        )
    now = max(facts.at, order.changed_at)
    earliest = order.changed_at if order.changed_at <= facts.at else None
    problems = tuple(_wrong_time(command.occurred_at, latest=now, earliest=earliest))
    if problems:
        return _invalid(problems)
    changed = move(
        order_id=order.order_id,
        customer_id=order.customer_id,
        old_status=order.status,
        new_status=command.status,
        at=max(command.occurred_at or now, order.changed_at),
        note=command.note,
        placed_at=order.placed_at,
        currency=order.currency,
        total=order.total,
        units=order.units,
        lines=order.lines,
    )
    return (changed,)


def _wrong_time(
    occurred_at: datetime | None, *, latest: datetime, earliest: datetime | None = None
) -> Iterator[Violation]:
    if occurred_at is None:
        return
    if occurred_at > latest:
        yield Violation("occurred-at-in-future", "occurred_at", f"is after now, {_text(latest)}")
    if earliest is not None and occurred_at < earliest:
        early = f"is before the last entry of the order, {_text(earliest)}"
        yield Violation("occurred-at-too-early", "occurred_at", early)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _conflict(code: str, detail: str) -> Rejection:
    return Rejection(kind=RejectionKind.CONFLICT, code=code, detail=detail)


def _invalid(problems: Sequence[Violation]) -> Rejection:
    first = problems[0]
    return Rejection(
        kind=RejectionKind.INVALID,
        code=first.code,
        detail=f"{first.field}: {first.message}",
        errors=tuple(FieldError(field=p.field, message=p.message) for p in problems),
    )


def evolve(state: Order | None, event: OrderEvent) -> Order:
    """Return the order after an event.

    Raises:
        ValueError: the event does not follow from the state: the history is broken.

    """
    if state is None:
        if isinstance(event, OrderPlaced):
            return _placed(event)
        raise ValueError(f"{event.type} cannot follow on nothing")
    match event:
        case OrderPlaced():
            raise ValueError(f"{event.type} cannot follow on {state!r}")
        case OrderStatusChanged():
            return state.model_copy(update={"status": event.new_status, "changed_at": event.at})
        case _:
            assert_never(event)


def _placed(event: OrderPlaced) -> Order:
    lines = (
        LineAmount(product_id=line.product_id, quantity=line.quantity, amount=line.line_total)
        for line in event.lines
    )
    return Order(
        order_id=event.order_id,
        customer_id=event.customer_id,
        status=OrderStatus.PENDING,
        placed_at=event.placed_at,
        changed_at=event.placed_at,
        currency=event.currency,
        total=event.total,
        units=event.units,
        lines=tuple(lines),
    )
