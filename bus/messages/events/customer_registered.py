from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Email, Id, Name


class CustomerRegistered(Event):
    """A customer became known."""

    type: Literal["CustomerRegistered"] = "CustomerRegistered"
    customer_id: Id
    name: Name
    email: Email
