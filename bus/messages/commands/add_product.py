from typing import Literal

from bus.messages.commands.command import Command
from bus.messages.streams import product_stream
from bus.messages.values import Currency, Id, Name, UnitPrice


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
