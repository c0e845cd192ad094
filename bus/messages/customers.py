"""Customers: what can be asked of one, and what can happen to one."""

from typing import Literal

from bus.messages.message import Command, Event
from bus.messages.streams import customer_stream
from bus.messages.values import Email, Id, Name


class RegisterCustomer(Command):
    """Make a new customer known under an id that is not taken."""

    schema_version = 2
    type: Literal["RegisterCustomer"] = "RegisterCustomer"
    customer_id: Id
    name: Name
    email: Email | None = None

    @property
    def stream(self) -> str:
        return customer_stream(self.customer_id)


class ChangeCustomer(Command):
    """Change a customer's name, e-mail address or both; what is ``None`` stays."""

    type: Literal["ChangeCustomer"] = "ChangeCustomer"
    customer_id: Id
    name: Name | None = None
    email: Email | None = None

    @property
    def stream(self) -> str:
        return customer_stream(self.customer_id)


class CustomerRegistered(Event):
    """A customer became known."""

    schema_version = 2
    type: Literal["CustomerRegistered"] = "CustomerRegistered"
    customer_id: Id
    name: Name
    email: Email | None


class CustomerRenamed(Event):
    """A customer goes by a new name, which all its orders show from now on."""

    type: Literal["CustomerRenamed"] = "CustomerRenamed"
    customer_id: Id
    old_name: Name
    name: Name


class CustomerEmailChanged(Event):
    """A customer has another e-mail address."""

    type: Literal["CustomerEmailChanged"] = "CustomerEmailChanged"
    customer_id: Id
    email: Email


CustomerCommand = RegisterCustomer | ChangeCustomer
CustomerEvent = CustomerRegistered | CustomerRenamed | CustomerEmailChanged
