"""What the events that move an order along its life have in common."""

from bus.messages.events.event import Event
from bus.messages.values import Currency, Id, LineAmount, Moment, Note, OrderStatus


class OrderStatusChanged(Event):
    """An order went from one status to another; carries what a report needs to count it over."""

    order_id: Id
    customer_id: Id
    old_status: OrderStatus
    new_status: OrderStatus
    at: Moment
    note: Note | None
    placed_at: Moment
    currency: Currency
    total: int
    units: int
    lines: tuple[LineAmount, ...]
