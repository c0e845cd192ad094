"""Customers: their names and their e-mail addresses.

Decisions here depend on the customer alone, so ``decide`` does not look at its facts.
"""

from collections.abc import Iterator
from typing import assert_never

from bus.messages.customers import (
    ChangeCustomer,
    CustomerCommand,
    CustomerEmailChanged,
    CustomerEvent,
    CustomerRegistered,
    CustomerRenamed,
    RegisterCustomer,
)
from bus.messages.message import Message
from bus.messages.rejection import Rejection, RejectionKind
from bus.messages.values import Email, Id, Name


class Customer(Message):
    """A customer as its events left it."""

    schema_version = 2
    customer_id: Id
    name: Name
    email: Email | None


def decide(
    state: Customer | None, command: CustomerCommand, _facts: object
) -> tuple[CustomerEvent, ...] | Rejection:
    """Return the events of a command, or its rejection; no events mean that it changes nothing."""
    match command:
        case RegisterCustomer():
            if state is not None:
                return Rejection(
                    kind=RejectionKind.CONFLICT,
                    code="id-taken",
                    detail=f"There already is a customer {command.customer_id}.",
                )
            return (
                CustomerRegistered(customer_id=command.customer_id, name=command.name, email=command.email),
            )
        case ChangeCustomer():
            if state is None:
                return Rejection(
                    kind=RejectionKind.NOT_FOUND,
                    code="unknown-customer",
                    detail=f"There is no customer {command.customer_id}.",
                )
            return tuple(_changes(state, command))


def _changes(customer: Customer, command: ChangeCustomer) -> Iterator[CustomerEvent]:
    if command.name is not None and command.name != customer.name:
        yield CustomerRenamed(customer_id=customer.customer_id, old_name=customer.name, name=command.name)
    if command.email is not None and command.email != customer.email:
        yield CustomerEmailChanged(customer_id=customer.customer_id, email=command.email)


def evolve(state: Customer | None, event: CustomerEvent) -> Customer:
    """Return the customer after an event.

    Raises:
        ValueError: the event does not follow from the state: the history is broken.

    """
    if state is None:
        if isinstance(event, CustomerRegistered):
            return Customer(customer_id=event.customer_id, name=event.name, email=event.email)
        raise ValueError(f"{event.type} cannot follow on nothing")
    match event:
        case CustomerRegistered():
            raise ValueError(f"{event.type} cannot follow on {state!r}")
        case CustomerRenamed():
            return state.model_copy(update={"name": event.name})
        case CustomerEmailChanged():
            return state.model_copy(update={"email": event.email})
        case _:
            assert_never(event)
