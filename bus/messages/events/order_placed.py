from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Address, Currency, Id, Line, Moment, Name, Reference


class OrderPlaced(Event):
    """A customer ordered; ``total`` is in minor units, ``units`` the sum of the quantities."""

    type: Literal["OrderPlaced"] = "OrderPlaced"
    order_id: Id
    customer_id: Id
    customer_name: Name
    reference: Reference | None
    placed_at: Moment
    currency: Currency
    lines: tuple[Line, ...]
    total: int
    units: int
    shipping_address: Address
