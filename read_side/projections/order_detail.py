"""One order with everything about it: lines, address, and the history of its status.

One document per order, its ``_id`` the order's id, and one per customer for its name
(``customer_names``), which is never served. Product names stay as ordered.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NotRequired, TypedDict

from bus.log.commit import RecordedEvent
from bus.messages.customers import CustomerRegistered, CustomerRenamed
from bus.messages.orders import OrderEvent, OrderPlaced, OrderStatusChanged
from bus.messages.registry import AnyEvent
from bus.messages.values import OrderStatus
from read_side.projections import customer_names
from read_side.projections.documents import answer_with_position, plain, replaced
from read_side.projections.model import Document, Documents, Index, ReadModel
from read_side.projections.staleness import Stale


class ItemDetail(TypedDict):
    """An order line. Amounts are in minor units.

    ``line_total`` is ``unit_price`` times ``quantity``, less ``discount``. ``list_price`` is the
    price in the catalogue when the order was placed.
    """

    product_id: str
    product_name: str
    quantity: int
    list_price: int
    unit_price: int
    discount: int
    line_total: int


class HistoryEntry(TypedDict):
    """A status of the order, and the time when the order took it."""

    status: str
    at: datetime
    note: str | None


class ShippingAddress(TypedDict):
    """The address that the order is sent to."""

    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str


class OrderDetail(TypedDict):
    """An order as served. ``item_count`` is the number of lines, ``units`` the sum of quantities.

    ``updated_at`` is when the order last changed. A rename of its customer is no change of the
    order: it neither moves ``updated_at`` nor raises ``version``. A walk-in order has no
    ``customer_id``, and one that is not sent has no ``shipping_address``.
    """

    order_id: str
    version: int
    status: str
    customer_id: str | None
    customer_name: str
    reference: str | None
    currency: str
    total: int
    item_count: int
    units: int
    placed_at: datetime
    updated_at: datetime
    shipping_address: ShippingAddress | None
    items: list[ItemDetail]
    history: list[HistoryEntry]
    stale: NotRequired[Stale]


def keys(event: AnyEvent) -> Sequence[Document]:
    if isinstance(event, OrderEvent):
        return [{"_id": event.order_id}]
    if isinstance(event, CustomerRegistered | CustomerRenamed):
        return customer_names.keys(event)
    return ()


def creates(event: AnyEvent) -> bool:
    return isinstance(event, OrderPlaced | CustomerRegistered)


def fold(document: Document, recorded: RecordedEvent) -> Document:
    match recorded.event:
        case CustomerRegistered() | CustomerRenamed() as event:
            return customer_names.fold(document, event)
        case OrderPlaced() as event:
            return _placed(document, event, recorded.version)
        case OrderStatusChanged() as event:
            entry = {"status": event.new_status.value, "at": event.at, "note": event.note}
            return replaced(
                document,
                version=recorded.version,
                status=entry["status"],
                updated_at=event.at,
                history=[*document["history"], entry],
            )
        case event if isinstance(event, OrderEvent):
            return replaced(document, version=recorded.version)
        case _:
            return document


def _placed(document: Document, event: OrderPlaced, version: int) -> Document:
    pending = OrderStatus.PENDING.value
    return {
        **document,
        "version": version,
        "status": pending,
        "customer_id": event.customer_id,
        "customer_name": event.customer_name,
        "reference": event.reference,
        "currency": event.currency,
        "total": event.total,
        "item_count": len(event.lines),
        "units": event.units,
        "placed_at": event.placed_at,
        "updated_at": event.placed_at,
        "shipping_address": plain(event.shipping_address) if event.shipping_address else None,
        "items": [plain(line) for line in event.lines],
        "history": [{"status": pending, "at": event.placed_at, "note": None}],
    }


def by_id(documents: Documents, order_id: str) -> Document | None:
    """Return the order as served, with ``_pos`` kept for the ETag; ``None`` if there is none."""
    document = documents.find_one(order_id)
    if document is None or customer_names.is_memory(document):
        return None
    return answer_with_position(document, OrderDetail)


ORDER_DETAIL = ReadModel(
    name="order_detail",
    version=2,
    keys=keys,
    creates=creates,
    fold=fold,
    spread=customer_names.spread,
    spreads_by=customer_names.SPREADS_BY,
    enrichment=customer_names.ENRICHMENT,
    sources=customer_names.SOURCES,
    indexes=(Index((("customer_id", 1),)),),  # what a rename spreads by
)
