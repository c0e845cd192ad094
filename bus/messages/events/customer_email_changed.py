from typing import Literal

from bus.messages.events.event import Event
from bus.messages.values import Email, Id


class CustomerEmailChanged(Event):
    """A customer is reached at another address."""

    type: Literal["CustomerEmailChanged"] = "CustomerEmailChanged"
    customer_id: Id
    email: Email
