from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Id


class ProductDiscontinued(Event):
    """A product can no longer be ordered."""

    type: Literal["ProductDiscontinued"] = "ProductDiscontinued"
    product_id: Id
