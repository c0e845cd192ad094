"""Products: their names and prices, and if they can still be ordered.

A product's currency is fixed when it is added. Decisions here depend on the product alone, so
``decide`` does not look at its facts.
"""

from collections.abc import Iterator
from typing import assert_never

from bus.messages.message import Message
from bus.messages.products import (
    AddProduct,
    ChangeProduct,
    ProductAdded,
    ProductCommand,
    ProductDiscontinued,
    ProductEvent,
    ProductReinstated,
    ProductRenamed,
    ProductRepriced,
)
from bus.messages.rejection import Rejection, RejectionKind
from bus.messages.values import Currency, Flag, Id, Name, UnitPrice


class Product(Message):
    """A product as its events left it; ``unit_price`` is in minor units."""

    product_id: Id
    name: Name
    unit_price: UnitPrice
    currency: Currency
    discontinued: Flag


def decide(
    state: Product | None, command: ProductCommand, _facts: object
) -> tuple[ProductEvent, ...] | Rejection:
    """Return the events of a command, or its rejection; no events mean that it changes nothing."""
    match command:
        case AddProduct():
            if state is not None:
                return Rejection(
                    kind=RejectionKind.CONFLICT,
                    code="id-taken",
                    detail=f"There already is a product {command.product_id}.",
                )
            added = ProductAdded(
                product_id=command.product_id,
                name=command.name,
                unit_price=command.unit_price,
                currency=command.currency,
            )
            return (added,)
        case ChangeProduct():
            if state is None:
                return Rejection(
                    kind=RejectionKind.NOT_FOUND,
                    code="unknown-product",
                    detail=f"There is no product {command.product_id}.",
                )
            return tuple(_changes(state, command))


def _changes(product: Product, command: ChangeProduct) -> Iterator[ProductEvent]:
    product_id = product.product_id
    if command.name is not None and command.name != product.name:
        yield ProductRenamed(product_id=product_id, name=command.name)
    if command.unit_price is not None and command.unit_price != product.unit_price:
        yield ProductRepriced(product_id=product_id, unit_price=command.unit_price, currency=product.currency)
    if command.discontinued is not None and command.discontinued != product.discontinued:
        gone = ProductDiscontinued if command.discontinued else ProductReinstated
        yield gone(product_id=product_id)


def evolve(state: Product | None, event: ProductEvent) -> Product:
    """Return the product after an event.

    Raises:
        ValueError: the event does not follow from the state: the history is broken.

    """
    if state is None:
        if isinstance(event, ProductAdded):
            return Product(
                product_id=event.product_id,
                name=event.name,
                unit_price=event.unit_price,
                currency=event.currency,
                discontinued=False,
            )
        raise ValueError(f"{event.type} cannot follow on nothing")
    match event:
        case ProductAdded():
            raise ValueError(f"{event.type} cannot follow on {state!r}")
        case ProductRenamed():
            return state.model_copy(update={"name": event.name})
        case ProductRepriced():
            return state.model_copy(update={"unit_price": event.unit_price})
        case ProductDiscontinued():
            return state.model_copy(update={"discontinued": True})
        case ProductReinstated():
            return state.model_copy(update={"discontinued": False})
        case _:
            assert_never(event)
