from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Currency, Id, Name, UnitPrice


class ProductAdded(Event):
    """A product went on sale."""

    type: Literal["ProductAdded"] = "ProductAdded"
    product_id: Id
    name: Name
    unit_price: UnitPrice
    currency: Currency
