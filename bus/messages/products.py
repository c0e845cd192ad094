"""Products: what can be asked of one, and what can happen to one."""

from typing import Literal

from bus.messages.message import Command, Event
from bus.messages.streams import product_stream
from bus.messages.values import Currency, Flag, Id, Name, UnitPrice


class AddProduct(Command):
    """Put a new product on sale under an id that is not taken."""

    type: Literal["AddProduct"] = "AddProduct"
    product_id: Id
    name: Name
    unit_price: UnitPrice
    currency: Currency

    @property
    def stream(self) -> str:
        return product_stream(self.product_id)


class ChangeProduct(Command):
    """Rename, reprice, discontinue or reinstate a product; what is ``None`` stays."""

    type: Literal["ChangeProduct"] = "ChangeProduct"
    product_id: Id
    name: Name | None = None
    unit_price: UnitPrice | None = None
    discontinued: Flag | None = None

    @property
    def stream(self) -> str:
        return product_stream(self.product_id)


class ProductAdded(Event):
    """A product went on sale."""

    type: Literal["ProductAdded"] = "ProductAdded"
    product_id: Id
    name: Name
    unit_price: UnitPrice
    currency: Currency


class ProductRenamed(Event):
    """A product goes by a new name; orders keep the name it was sold under."""

    type: Literal["ProductRenamed"] = "ProductRenamed"
    product_id: Id
    name: Name


class ProductRepriced(Event):
    """A product has another price from now on, in minor units."""

    type: Literal["ProductRepriced"] = "ProductRepriced"
    product_id: Id
    unit_price: UnitPrice
    currency: Currency


class ProductDiscontinued(Event):
    """A product can no longer be ordered."""

    type: Literal["ProductDiscontinued"] = "ProductDiscontinued"
    product_id: Id


class ProductReinstated(Event):
    """A discontinued product can be ordered again."""

    type: Literal["ProductReinstated"] = "ProductReinstated"
    product_id: Id


ProductCommand = AddProduct | ChangeProduct
ProductEvent = ProductAdded | ProductRenamed | ProductRepriced | ProductDiscontinued | ProductReinstated
