"""Every command, as one discriminated union."""

from typing import Annotated

from pydantic import Field

from bus.messages.commands.add_product import AddProduct
from bus.messages.commands.change_customer import ChangeCustomer
from bus.messages.commands.change_order_status import ChangeOrderStatus
from bus.messages.commands.change_product import ChangeProduct
from bus.messages.commands.place_order import PlaceOrder
from bus.messages.commands.register_customer import RegisterCustomer

AnyCommand = Annotated[
    RegisterCustomer | ChangeCustomer | AddProduct | ChangeProduct | PlaceOrder | ChangeOrderStatus,
    Field(discriminator="type"),
]

__all__ = [
    "AddProduct",
    "AnyCommand",
    "ChangeCustomer",
    "ChangeOrderStatus",
    "ChangeProduct",
    "PlaceOrder",
    "RegisterCustomer",
]
