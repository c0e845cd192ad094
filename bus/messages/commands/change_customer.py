from typing import Literal

from bus.messages.commands.command import Command
from bus.messages.streams import customer_stream
from bus.messages.values import Email, Id, Name


class ChangeCustomer(Command):
    """Change a customer's name, e-mail address or both; what is ``None`` stays."""

    type: Literal["ChangeCustomer"] = "ChangeCustomer"
    customer_id: Id
    name: Name | None = None
    email: Email | None = None

    @property
    def stream(self) -> str:
        return customer_stream(self.customer_id)
