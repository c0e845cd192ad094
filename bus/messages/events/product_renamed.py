from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Id, Name


class ProductRenamed(Event):
    """A product goes by a new name; orders keep the name it was sold under."""

    type: Literal["ProductRenamed"] = "ProductRenamed"
    product_id: Id
    name: Name
