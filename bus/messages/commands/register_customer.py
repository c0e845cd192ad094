from typing import Literal

from bus.messages.commands.command import Command
from bus.messages.streams import customer_stream
from bus.messages.values import Email, Id, Name


class RegisterCustomer(Command):
    """Make a new customer known under an id that is not taken."""

    type: Literal["RegisterCustomer"] = "RegisterCustomer"
    customer_id: Id
    name: Name
    email: Email

    @property
    def stream(self) -> str:
        return customer_stream(self.customer_id)
