from typing import Literal

from bus.messages.commands.command import Command
from bus.messages.streams import product_stream
from bus.messages.values import Flag, Id, Name, UnitPrice


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
