"""Orders as a list shows them, newest first: by customer, status, reference and time of placing.

One document per order, its ``_id`` the order's id, and one per customer for its name
(``customer_names``), which has none of an order's fields.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from bus.log.commit import RecordedEvent
from bus.messages.customers import CustomerRegistered, CustomerRenamed
from bus.messages.orders import OrderEvent, OrderPlaced, OrderStatusChanged
from bus.messages.registry import AnyEvent
from bus.messages.values import OrderStatus
from read_side.projections import customer_names
from read_side.projections.documents import replaced
from read_side.projections.model import Document, Documents, Index, ReadModel
from read_side.projections.paging import Page, cut
from read_side.projections.staleness import Stale

After = tuple[datetime, str]
"""The end of a page: ``placed_at`` and id of its last order."""

_END_OF_TIME = datetime.max.replace(microsecond=999_000, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions that each order of a list meets. ``None`` and ``()`` leave nothing out."""

    customer_id: str | None = None
    statuses: Sequence[str] = ()
    """An order's status is one of these now."""
    reference: str | None = None
    first: datetime | None = None
    last: datetime | None = None
    """``placed_at`` is from ``first`` to ``last``, both included."""


EVERY_ORDER = Filter()


class OrderSummary(TypedDict):
    """An order in a list. ``total`` is in minor units, ``item_count`` is the number of lines."""

    order_id: str
    status: str
    customer_id: str | None
    customer_name: str
    total: int
    currency: str
    item_count: int
    placed_at: datetime
    version: int
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
            return {
                **document,
                "status": OrderStatus.PENDING.value,
                "customer_id": event.customer_id,
                "customer_name": event.customer_name,
                "total": event.total,
                "currency": event.currency,
                "item_count": len(event.lines),
                "reference": event.reference,
                "placed_at": event.placed_at,
                "version": recorded.version,
            }
        case OrderStatusChanged() as event:
            return replaced(document, status=event.new_status.value, version=recorded.version)
        case event if isinstance(event, OrderEvent):
            return replaced(document, version=recorded.version)
        case _:
            return document


def page(
    documents: Documents, wanted: Filter = EVERY_ORDER, *, limit: int, after: After | None = None
) -> Page[After]:
    """Return a page of orders, newest ``placed_at`` first, ties by order id descending.

    MongoDB reads an index in that order from ``last`` or ``after`` on, down to ``first``; for
    several statuses it reads the index of each, and merges. The range on ``placed_at`` bounds the
    reading, also on the first page, where it skips the remembered names. Orders that were placed in
    the very millisecond of ``after`` and already shown are read again and left out, so a page costs
    its length plus those. Only a reference together with a customer or a status has no index of its
    own: MongoDB reads all orders of that reference, which are few if it names an order.
    """
    where: dict[str, Any] = {}
    if wanted.customer_id is not None:
        where["customer_id"] = wanted.customer_id
    if wanted.statuses:
        several = len(wanted.statuses) > 1
        where["status"] = {"$in": list(wanted.statuses)} if several else wanted.statuses[0]
    if wanted.reference is not None:
        where["reference"] = wanted.reference
    end = wanted.last or _END_OF_TIME
    if after is not None:
        moment, order_id = after
        end = min(end, moment)
        where["$nor"] = [{"placed_at": moment, "_id": {"$gte": order_id}}]  # $or would invite a sort
    where["placed_at"] = {"$lte": end} if wanted.first is None else {"$gte": wanted.first, "$lte": end}
    found = documents.find(where, sort=_NEWEST_FIRST, limit=limit + 1)
    return cut(found, limit, OrderSummary, lambda last: (last["placed_at"], last["_id"]))


_NEWEST_FIRST = (("placed_at", -1), ("_id", -1))

ORDER_SUMMARY = ReadModel(
    name="order_summary",
    version=2,
    keys=keys,
    creates=creates,
    fold=fold,
    spread=customer_names.spread,
    spreads_by=customer_names.SPREADS_BY,
    enrichment=customer_names.ENRICHMENT,
    sources=customer_names.SOURCES,
    # Each serves its filter with and without a range of placed_at. Every index costs each write
    # that changes one of its fields: those with a status are written at every step of an order, the
    # others once.
    indexes=(
        Index(_NEWEST_FIRST),  # everybody's orders
        Index((("customer_id", 1), *_NEWEST_FIRST)),  # a customer's; and what a rename spreads by
        Index((("status", 1), *_NEWEST_FIRST)),  # everybody's in some statuses
        Index((("customer_id", 1), ("status", 1), *_NEWEST_FIRST)),  # a customer's in some statuses
        Index((("reference", 1), *_NEWEST_FIRST), only={"reference": {"$gt": ""}}),  # those that have one
    ),
)
