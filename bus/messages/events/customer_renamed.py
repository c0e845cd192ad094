from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Id, Name


class CustomerRenamed(Event):
    """A customer goes by a new name, which all its orders show from now on."""

    type: Literal["CustomerRenamed"] = "CustomerRenamed"
    customer_id: Id
    old_name: Name
    name: Name
