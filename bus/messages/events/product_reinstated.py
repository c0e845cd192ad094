from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Id


class ProductReinstated(Event):
    """A discontinued product can be ordered again."""

    type: Literal["ProductReinstated"] = "ProductReinstated"
    product_id: Id
