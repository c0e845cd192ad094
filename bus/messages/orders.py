"""Orders: what can be asked of one, and what can happen to one."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bus.messages.message import Command, Event
from bus.messages.streams import customer_stream, order_stream, product_stream
from bus.messages.values import (
    MAX_ITEMS,
    Address,
    Currency,
    Id,
    Item,
    Line,
    LineAmount,
    Moment,
    Name,
    Note,
    OrderStatus,
    Reference,
)


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


class ChangeOrderStatus(Command):
    """Move an order along its life, or cancel it."""

    type: Literal["ChangeOrderStatus"] = "ChangeOrderStatus"
    order_id: Id
    status: OrderStatus
    note: Note | None = None
    occurred_at: Moment | None = None
    """When it happened, for importing history; ``None`` is now."""

    @property
    def stream(self) -> str:
        return order_stream(self.order_id)


class OrderPlaced(Event):
    """A customer ordered; ``total`` is in minor units, ``units`` the sum of the quantities."""

    type: Literal["OrderPlaced"] = "OrderPlaced"
    order_id: Id
    customer_id: Id
    customer_name: Name
    reference: Reference | None
    placed_at: Moment
    currency: Currency
    lines: tuple[Line, ...]
    total: int
    units: int
    shipping_address: Address


class OrderStatusChanged(Event):
    """An order went from one status to another; carries what a report needs to count it over."""

    order_id: Id
    customer_id: Id
    old_status: OrderStatus
    new_status: OrderStatus
    at: Moment
    note: Note | None
    placed_at: Moment
    currency: Currency
    total: int
    units: int
    lines: tuple[LineAmount, ...]


class OrderConfirmed(OrderStatusChanged):
    """The shop took the order on."""

    type: Literal["OrderConfirmed"] = "OrderConfirmed"


class OrderShipped(OrderStatusChanged):
    """The order left the shop."""

    type: Literal["OrderShipped"] = "OrderShipped"


class OrderDelivered(OrderStatusChanged):
    """The order arrived."""

    type: Literal["OrderDelivered"] = "OrderDelivered"


class OrderCancelled(OrderStatusChanged):
    """The order will not be carried out."""

    type: Literal["OrderCancelled"] = "OrderCancelled"


OrderCommand = PlaceOrder | ChangeOrderStatus
OrderEvent = OrderPlaced | OrderConfirmed | OrderShipped | OrderDelivered | OrderCancelled
