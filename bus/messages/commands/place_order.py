from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bus.messages.commands.command import Command
from bus.messages.streams import customer_stream, order_stream, product_stream
from bus.messages.values import MAX_ITEMS, Address, Id, Item, Moment, Reference


def _one_line_per_product(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if len({item.product_id for item in items}) < len(items):
        raise ValueError("a product may stand in one line only")
    return items


Items = Annotated[
    tuple[Item, ...], Field(min_length=1, max_length=MAX_ITEMS), AfterValidator(_one_line_per_product)
]


class PlaceOrder(Command):
    """Order some products for a customer, at the prices that the write side finds."""

    type: Literal["PlaceOrder"] = "PlaceOrder"
    order_id: Id
    customer_id: Id
    items: Items
    shipping_address: Address
    reference: Reference | None = None
    occurred_at: Moment | None = None
    """When it happened, for importing history; ``None`` is now."""

    @property
    def stream(self) -> str:
        return order_stream(self.order_id)

    @property
    def fact_streams(self) -> tuple[str, ...]:
        return (customer_stream(self.customer_id), *(product_stream(i.product_id) for i in self.items))
