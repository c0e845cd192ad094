"""Receipts for the sender of a command: that it was accepted, or what it has created.

Each kind of resource has its own shape, so that the name of an id says what it is the id of.
"""

from typing import Literal, TypedDict

from bus.messages.outcome import Outcome
from bus.messages.streams import id_of


class AcceptedCustomer(TypedDict):
    """A command about a customer is kept and will be carried out."""

    command_id: str
    customer_id: str
    status: Literal["accepted"]


class AcceptedProduct(TypedDict):
    """A command about a product is kept and will be carried out."""

    command_id: str
    product_id: str
    status: Literal["accepted"]


class AcceptedOrder(TypedDict):
    """A command about an order is kept and will be carried out."""

    command_id: str
    order_id: str
    status: Literal["accepted"]


class CreatedCustomer(TypedDict):
    """A customer that exists now, at its first version."""

    command_id: str
    customer_id: str
    version: int


class CreatedProduct(TypedDict):
    """A product that exists now, at its first version."""

    command_id: str
    product_id: str
    version: int


class CreatedOrder(TypedDict):
    """An order that exists now, at its first version; ``total`` is in minor units."""

    command_id: str
    order_id: str
    version: int
    total: int


Accepted = AcceptedCustomer | AcceptedProduct | AcceptedOrder
Created = CreatedCustomer | CreatedProduct | CreatedOrder


def accepted(command_id: str, stream: str) -> Accepted:
    """Return the receipt of a command; ``stream`` is that of the aggregate that it is about."""
    identity = id_of(stream)
    match stream.partition("-")[0]:
        case "customer":
            return {"command_id": command_id, "customer_id": identity, "status": "accepted"}
        case "product":
            return {"command_id": command_id, "product_id": identity, "status": "accepted"}
        case "order":
            return {"command_id": command_id, "order_id": identity, "status": "accepted"}
    raise LookupError(f"no receipt for what is about {stream}")


def created(command_id: str, command_type: str, identity: str, outcome: Outcome) -> Created | None:
    """Return the receipt of a creation; ``None`` for a command that creates nothing."""
    match command_type:
        case "RegisterCustomer":
            version = _of_a_success(outcome.version)
            return {"command_id": command_id, "customer_id": identity, "version": version}
        case "AddProduct":
            version = _of_a_success(outcome.version)
            return {"command_id": command_id, "product_id": identity, "version": version}
        case "PlaceOrder":
            return {
                "command_id": command_id,
                "order_id": identity,
                "version": _of_a_success(outcome.version),
                "total": _of_a_success(outcome.total),
            }
        case _:
            return None


def _of_a_success(number: int | None) -> int:
    """Return the number; raises ``ValueError`` if it is missing, as only a refusal's may be."""
    if number is None:
        raise ValueError("a creation that succeeded has a version, and an order a total")
    return number
