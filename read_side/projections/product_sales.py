"""What was sold of each product, by the day the order was placed on.

One document per day (UTC), product, currency and partition of the log; queries sum over the partitions.
A product's current name is a document of its own, ``name/<product>``, written by the product's partition
alone and joined when queried, so a rename need not reach the sales.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypedDict

from bus.log.commit import Recorded
from bus.messages.orders import OrderCancelled, OrderPlaced
from bus.messages.products import ProductAdded, ProductRenamed
from bus.messages.registry import AnyEvent
from read_side.projections.days import within
from read_side.projections.documents import replaced
from read_side.projections.model import Document, Documents, Index, ReadModel

_COUNTS = ("units", "gross", "cancelled_units", "cancelled_gross")


class ProductSales(TypedDict):
    """As served. Amounts are in minor units; ``units`` and ``gross`` count cancelled orders too."""

    product_id: str
    product_name: str
    currency: str
    units: int
    gross: int
    cancelled_units: int
    cancelled_gross: int


def keys(event: AnyEvent) -> Sequence[Document]:
    match event:
        case ProductAdded() | ProductRenamed():
            return [{"_id": f"name/{event.product_id}", "names": event.product_id}]
        case OrderPlaced() | OrderCancelled():
            day = event.placed_at.date().isoformat()
            return [_blank(day, product_id, event.currency) for product_id in _products(event)]
        case _:
            return ()


def _products(event: OrderPlaced | OrderCancelled) -> Iterable[str]:
    return dict.fromkeys(line.product_id for line in event.lines)


def _blank(day: str, product_id: str, currency: str) -> Document:
    return {
        "_id": f"{day}/{product_id}/{currency}",
        "day": day,
        "product_id": product_id,
        "currency": currency,
        **dict.fromkeys(_COUNTS, 0),
    }


def fold(document: Document, recorded: Recorded) -> Document:
    match recorded.event:
        case ProductAdded() as event:
            return {**document, "name": event.name}
        case ProductRenamed() as event:
            return replaced(document, name=event.name)
        case OrderPlaced() as event:
            return _sold(document, event)
        case OrderCancelled() as event:
            return _cancelled(document, event)
        case _:
            return document


def _sold(document: Document, event: OrderPlaced) -> Document:
    lines = [line for line in event.lines if line.product_id == document["product_id"]]
    return {
        **document,
        "sold_as": lines[-1].product_name,
        "units": document["units"] + sum(line.quantity for line in lines),
        "gross": document["gross"] + sum(line.line_total for line in lines),
    }


def _cancelled(document: Document, event: OrderCancelled) -> Document:
    """Raises ``LookupError`` if more would be cancelled than was sold."""
    lines = [line for line in event.lines if line.product_id == document["product_id"]]
    units = document["cancelled_units"] + sum(line.quantity for line in lines)
    gross = document["cancelled_gross"] + sum(line.amount for line in lines)
    if units > document["units"] or gross > document["gross"]:
        raise LookupError(f"more of {document['_id']} would be cancelled than was sold")
    return {**document, "cancelled_units": units, "cancelled_gross": gross}


def best_sellers(
    documents: Documents, *, first: date | None = None, last: date | None = None, limit: int
) -> dict[str, list[Document]]:
    """``{products}`` sold from ``first`` to ``last``, both included: by gross, largest first.

    Ties are by product id, then currency. The name is the product's current one; where the product's own
    partition is not that far yet, one that it was sold under.
    """
    summed = list(
        documents.aggregate(
            [
                {"$match": within(first, last)},
                {
                    "$group": {
                        "_id": {"product_id": "$product_id", "currency": "$currency"},
                        "sold_as": {"$max": "$sold_as"},
                        **{count: {"$sum": f"${count}"} for count in _COUNTS},
                    }
                },
                {"$sort": {"gross": -1, "_id.product_id": 1, "_id.currency": 1}},
                {"$limit": limit},
            ]
        )
    )
    names = _current_names(documents, {group["_id"]["product_id"] for group in summed})
    return {"products": [_product(group, names) for group in summed]}


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


PRODUCT_SALES = ReadModel(
    name="product_sales",
    version=1,
    keys=keys,
    fold=fold,
    indexes=(
        Index((("day", 1),)),
        Index((("names", 1),), only={"names": {"$exists": True}}),
    ),
    shared=True,
)
