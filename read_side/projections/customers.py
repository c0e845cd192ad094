"""Customers, with how much they have ordered.

One document per customer, its ``_id`` the customer's id. Its orders share its partition, so they
are counted into the same document.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from bus.log.commit import RecordedEvent
from bus.messages.customers import CustomerEmailChanged, CustomerRegistered, CustomerRenamed
from bus.messages.orders import OrderCancelled, OrderPlaced
from bus.messages.registry import AnyEvent
from read_side.projections import paging
from read_side.projections.documents import answer_with_position, replaced
from read_side.projections.model import Document, Documents, ReadModel
from read_side.projections.paging import Page
from read_side.projections.staleness import Stale


class Customer(TypedDict):
    """A customer as served. ``orders`` counts every order placed.

    ``spent`` is the sum of the orders that are not cancelled, in minor units by currency. A
    currency stays once something was ordered in it, at 0 if all of that was cancelled. ``version``
    is the customer's own: its orders do not raise it.
    """

    customer_id: str
    name: str
    email: str | None
    orders: int
    spent: dict[str, int]
    version: int
    stale: NotRequired[Stale]


def keys(event: AnyEvent) -> Sequence[Document]:
    match event:
        case CustomerRegistered() | CustomerRenamed() | CustomerEmailChanged():
            return [{"_id": event.customer_id}]
        case OrderPlaced() | OrderCancelled() if event.customer_id is not None:
            return [{"_id": event.customer_id}]
        case _:
            return ()


def creates(event: AnyEvent) -> bool:
    return isinstance(event, CustomerRegistered)


def fold(document: Document, recorded: RecordedEvent) -> Document:
    match recorded.event:
        case CustomerRegistered() as event:
            return {
                **document,
                "name": event.name,
                "email": event.email,
                "orders": 0,
                "spent": {},
                "version": recorded.version,
            }
        case CustomerRenamed() as event:
            return replaced(document, name=event.name, version=recorded.version)
        case CustomerEmailChanged() as event:
            return replaced(document, email=event.email, version=recorded.version)
        case OrderPlaced() as event:
            spent = document["spent"]
            total = spent.get(event.currency, 0) + event.total
            return replaced(document, orders=document["orders"] + 1, spent={**spent, event.currency: total})
        case OrderCancelled() as event:
            return replaced(document, spent=_without(document["spent"], event))
        case _:
            return document


def _without(spent: dict[str, int], event: OrderCancelled) -> dict[str, int]:
    """Take off a cancelled order; raises ``LookupError`` if it cannot have been counted."""
    left = spent[event.currency] - event.total
    if left < 0:
        raise LookupError(f"order {event.order_id} was never counted")
    return {**spent, event.currency: left}


def page(documents: Documents, *, limit: int, after: str | None = None) -> Page[str]:
    """Return a page of customers, ascending by id, from behind ``after``."""
    return paging.page_by_id(documents, Customer, limit=limit, after=after)


def by_id(documents: Documents, customer_id: str) -> Document | None:
    """Return the customer as served, with ``_pos`` kept for the ETag; ``None`` if there is none."""
    document = documents.find_one(customer_id)
    return answer_with_position(document, Customer) if document else None


CUSTOMERS = ReadModel(name="customers", version=1, keys=keys, creates=creates, fold=fold)
