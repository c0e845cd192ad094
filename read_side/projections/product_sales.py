"""Sales of each product, by the day the order was placed on.

There is one document per month, product, currency and partition of the log. It has the counts of
the month and, within, those of each day of the shop's time zone (``read_side.projections.months``).
Queries sum over the partitions. An order still writes one document for each of its products, as it
would if there were one per day. But there are a ninth as many of them: 1,000 products that sell
every day for three years are 144,000 documents in four partitions, and not 1.3 million. A product's
current name is a document of its own, ``name/<product>``. Only the product's partition writes it,
and queries join it, so a rename need not reach the sales.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, tzinfo
from functools import cache, partial
from typing import TypedDict

from bus.log.commit import RecordedEvent
from bus.messages.orders import OrderCancelled, OrderPlaced
from bus.messages.products import ProductAdded, ProductRenamed
from bus.messages.registry import AnyEvent
from read_side.projections.days import day_of, month_of
from read_side.projections.documents import replaced
from read_side.projections.model import Document, Documents, Index, ReadModel
from read_side.projections.months import Piece, counted, counts_of, pieces

_COUNTS = ("units", "gross", "discounts", "cancelled_units", "cancelled_gross")


class ProductSales(TypedDict):
    """The sales of one product in one currency, as served. Amounts are in minor units.

    ``units``, ``gross`` and ``discounts`` count cancelled orders too. ``gross`` is what the product
    was sold for, after ``discounts``.
    """

    product_id: str
    product_name: str
    currency: str
    units: int
    gross: int
    discounts: int
    cancelled_units: int
    cancelled_gross: int


def keys(zone: tzinfo, event: AnyEvent) -> Sequence[Document]:
    match event:
        case ProductAdded() | ProductRenamed():
            return [{"_id": f"name/{event.product_id}", "names": event.product_id}]
        case OrderPlaced() | OrderCancelled():
            month = month_of(day_of(event.placed_at, zone))
            return [_blank(month, product_id, event.currency) for product_id in _products(event)]
        case _:
            return ()


def _products(event: OrderPlaced | OrderCancelled) -> Iterable[str]:
    return dict.fromkeys(line.product_id for line in event.lines)


def _blank(month: str, product_id: str, currency: str) -> Document:
    return {
        "_id": f"{month}/{product_id}/{currency}",
        "month": month,
        "product_id": product_id,
        "currency": currency,
        **dict.fromkeys(_COUNTS, 0),
        "days": {},
    }


def fold(zone: tzinfo, document: Document, recorded: RecordedEvent) -> Document:
    match recorded.event:
        case ProductAdded() as event:
            return {**document, "name": event.name}
        case ProductRenamed() as event:
            return replaced(document, name=event.name)
        case OrderPlaced() as event:
            return _sold(document, event, day_of(event.placed_at, zone))
        case OrderCancelled() as event:
            return _cancelled(document, event, day_of(event.placed_at, zone))
        case _:
            return document


def _sold(document: Document, event: OrderPlaced, day: date) -> Document:
    lines = [line for line in event.lines if line.product_id == document["product_id"]]
    counts = {
        "units": sum(line.quantity for line in lines),
        "gross": sum(line.line_total for line in lines),
        "discounts": sum(line.discount for line in lines),
    }
    return counted({**document, "sold_as": lines[-1].product_name}, day, counts)


def _cancelled(document: Document, event: OrderCancelled, day: date) -> Document:
    """Count a cancellation; raises ``LookupError`` if it exceeds what was sold on the day."""
    lines = [line for line in event.lines if line.product_id == document["product_id"]]
    units, gross = sum(line.quantity for line in lines), sum(line.amount for line in lines)
    after = counted(document, day, {"cancelled_units": units, "cancelled_gross": gross})
    of_day = counts_of(after, day, _COUNTS)
    if of_day["cancelled_units"] > of_day["units"] or of_day["cancelled_gross"] > of_day["gross"]:
        raise LookupError(f"more of {document['_id']} would be cancelled on {day} than was sold")
    return after


def best_sellers(
    documents: Documents, *, first: date | None = None, last: date | None = None, limit: int
) -> dict[str, list[Document]]:
    """Return ``{products}`` sold from ``first`` to ``last``, both included, largest gross first.

    Ties are by product id, then currency. The name is the product's current one; if the product's
    own partition is not that far yet, it is one that the product was sold under. MongoDB sums up
    each piece of the range by product and currency, and this function adds up the pieces.
    """
    sold: dict[tuple[str, str], Document] = {}
    for piece in pieces(first, last):
        for group in documents.aggregate([*piece.stages, _summed(piece)]):
            key = group["_id"]["product_id"], group["_id"]["currency"]
            sold[key] = _added(sold[key], group) if key in sold else group
    ranked = sorted(sold.items(), key=lambda item: (-item[1]["gross"], *item[0]))[:limit]
    names = _current_names(documents, {product_id for (product_id, _), _ in ranked})
    return {"products": [_product(group, names) for _, group in ranked]}


def _summed(piece: Piece) -> Document:
    sums = {count: {"$sum": f"{piece.counts}{count}"} for count in _COUNTS}
    by = {"product_id": "$product_id", "currency": "$currency"}
    return {"$group": {"_id": by, "sold_as": {"$max": "$sold_as"}, **sums}}


def _added(one: Document, other: Document) -> Document:
    sums = {count: one[count] + other[count] for count in _COUNTS}
    return {**one, "sold_as": max(one["sold_as"], other["sold_as"]), **sums}


def _current_names(documents: Documents, product_ids: set[str]) -> dict[str, str]:
    found = documents.find({"names": {"$in": sorted(product_ids)}}, fields=("names", "name"))
    return {document["names"]: document["name"] for document in found}


def _product(group: Document, names: dict[str, str]) -> Document:
    product_id = group["_id"]["product_id"]
    return {
        "product_id": product_id,
        "product_name": names.get(product_id, group["sold_as"]),
        "currency": group["_id"]["currency"],
        **{count: group[count] for count in _COUNTS},
    }


@cache
def made_for(zone: tzinfo) -> ReadModel:
    """Return the model that counts by the days of a time zone."""
    return ReadModel(
        name="product_sales",
        version=2,
        keys=partial(keys, zone),
        fold=partial(fold, zone),
        indexes=(
            Index((("month", 1),)),
            Index((("names", 1),), only={"names": {"$exists": True}}),
        ),
        shared=True,
        zone=zone,
        made_for=made_for,
    )


PRODUCT_SALES = made_for(UTC)
