"""Customers' names, as the order models remember them.

An order's event has the name that its customer had when the order was decided. By the time the
event is committed, the customer may have another name. So the order models keep each customer's
name in a document of its own, beside the orders. An order that comes after a rename is folded with
the new name, whatever its event says. A rename reaches the orders that came before it. A customer
and its orders share a partition, so before and after are the same for everybody.
"""

from collections.abc import Mapping
from typing import Any

from bus.messages.customers import CustomerRegistered, CustomerRenamed
from bus.messages.orders import OrderPlaced
from bus.messages.registry import AnyEvent
from bus.messages.streams import customer_stream, id_of, order_stream
from read_side.projections.documents import replaced
from read_side.projections.model import NOTHING, Document, Enrichment, Sources

_PREFIX = "customer-"  # the ids of orders are UUIDs: none of them starts like this


def is_memory(document: Document) -> bool:
    """Return True if this is a remembered name, which no query serves."""
    return str(document["_id"]).startswith(_PREFIX)


def keys(event: CustomerRegistered | CustomerRenamed) -> list[Document]:
    """Return the customer's memory; it has no ``customer_id``, so ``spread`` does not find it."""
    return [{"_id": _PREFIX + event.customer_id}]


def fold(document: Document, event: CustomerRegistered | CustomerRenamed) -> Document:
    """Return the memory with the name, or an order with the new name of its customer."""
    if not is_memory(document):
        return replaced(document, customer_name=event.name)
    if isinstance(event, CustomerRegistered):
        return {**document, "known_as": event.name}
    return replaced(document, known_as=event.name)


SPREADS_BY = ("customer_id",)


def spread(event: AnyEvent) -> Mapping[str, Any] | None:
    """Return the filter for all orders of a renamed customer; ``None`` for any other event."""
    return {"customer_id": event.customer_id} if isinstance(event, CustomerRenamed) else None


def _key(event: AnyEvent) -> str | None:
    if not isinstance(event, OrderPlaced) or event.customer_id is None:
        return None
    return _PREFIX + event.customer_id


def _correct(event: AnyEvent, memory: Document) -> AnyEvent:
    name = memory["known_as"]
    if isinstance(event, OrderPlaced) and event.customer_name == name:
        return event  # as nearly always: a copy costs as much as the fold
    return event.model_copy(update={"customer_name": name})


ENRICHMENT = Enrichment(key=_key, correct=_correct)


def _feeding(document: Document) -> frozenset[str]:
    """Return an order's stream and its customer's, if it has one; for a memory only the latter."""
    if is_memory(document):
        return frozenset({customer_stream(str(document["_id"]).removeprefix(_PREFIX))})
    own, customer_id = order_stream(document["_id"]), document["customer_id"]
    return frozenset({own} if customer_id is None else {own, customer_stream(customer_id)})


def _fed_by(stream: str) -> Mapping[str, Any]:
    aggregate = id_of(stream)
    if stream == customer_stream(aggregate):
        return {"$or": [{"_id": _PREFIX + aggregate}, {"customer_id": aggregate}]}
    return {"_id": aggregate} if stream == order_stream(aggregate) else NOTHING


SOURCES = Sources(feeding=_feeding, fed_by=_fed_by)
