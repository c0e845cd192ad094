from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Currency, Id, UnitPrice


class ProductRepriced(Event):
    """A product costs something else from now on, in minor units."""

    type: Literal["ProductRepriced"] = "ProductRepriced"
    product_id: Id
    unit_price: UnitPrice
    currency: Currency
