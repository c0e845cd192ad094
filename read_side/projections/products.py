"""Products as they are offered now. One document per product, its ``_id`` the product's id."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from bus.log.commit import RecordedEvent
from bus.messages.products import (
    ProductAdded,
    ProductDiscontinued,
    ProductReinstated,
    ProductRenamed,
    ProductRepriced,
)
from bus.messages.registry import AnyEvent
from bus.messages.streams import id_of, product_stream
from read_side.projections import paging
from read_side.projections.documents import answer_with_position, replaced
from read_side.projections.model import NOTHING, Document, Documents, ReadModel, Sources
from read_side.projections.paging import Page
from read_side.projections.staleness import Stale


class Product(TypedDict):
    """A product as served. ``unit_price`` is in minor units of ``currency``."""

    product_id: str
    name: str
    unit_price: int
    currency: str
    discontinued: bool
    version: int
    stale: NotRequired[Stale]


def keys(event: AnyEvent) -> Sequence[Document]:
    match event:
        case (
            ProductAdded()
            | ProductRenamed()
            | ProductRepriced()
            | ProductDiscontinued()
            | ProductReinstated()
        ):
            return [{"_id": event.product_id}]
        case _:
            return ()


def creates(event: AnyEvent) -> bool:
    return isinstance(event, ProductAdded)


def fold(document: Document, recorded: RecordedEvent) -> Document:
    version = recorded.version
    match recorded.event:
        case ProductAdded() as event:
            return {
                **document,
                "name": event.name,
                "unit_price": event.unit_price,
                "currency": event.currency,
                "discontinued": False,
                "version": version,
            }
        case ProductRenamed() as event:
            return replaced(document, name=event.name, version=version)
        case ProductRepriced() as event:
            return replaced(document, unit_price=event.unit_price, currency=event.currency, version=version)
        case ProductDiscontinued():
            return replaced(document, discontinued=True, version=version)
        case ProductReinstated():
            return replaced(document, discontinued=False, version=version)
        case _:
            return document


def page(documents: Documents, *, limit: int, after: str | None = None) -> Page[str]:
    """Return a page of products, ascending by id, from behind ``after``; discontinued ones too."""
    return paging.page_by_id(documents, Product, limit=limit, after=after)


def by_id(documents: Documents, product_id: str) -> Document | None:
    """Return the product as served, with ``_pos`` kept for the ETag; ``None`` if there is none."""
    document = documents.find_one(product_id)
    return answer_with_position(document, Product) if document else None


def _feeding(document: Document) -> frozenset[str]:
    return frozenset({product_stream(document["_id"])})


def _fed_by(stream: str) -> Mapping[str, Any]:
    product_id = id_of(stream)
    return {"_id": product_id} if stream == product_stream(product_id) else NOTHING


PRODUCTS = ReadModel(
    name="products",
    version=1,
    keys=keys,
    creates=creates,
    fold=fold,
    sources=Sources(feeding=_feeding, fed_by=_fed_by),
)
