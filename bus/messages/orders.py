"""Orders: what can be asked of one, and what can happen to one."""

from typing import Annotated, Literal

from pydantic import Field

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

Items = Annotated[tuple[Item, ...], Field(min_length=1, max_length=MAX_ITEMS)]


class PlaceOrder(Command):
    """Order some products.

    An item gets the product's price as all commands accepted before this one have left it, unless
    the item names another.

    Without ``customer_id`` it is a walk-in order, which belongs to nobody; without
    ``shipping_address`` nothing is sent.
    """

    schema_version = 2
    type: Literal["PlaceOrder"] = "PlaceOrder"
    order_id: Id
    customer_id: Id | None = None
    items: Items
    shipping_address: Address | None = None
    reference: Reference | None = None
    occurred_at: Moment | None = None
    """The time when it happened, for importing history; ``None`` is now."""

    @property
    def stream(self) -> str:
        return order_stream(self.order_id)

    @property
    def fact_streams(self) -> tuple[str, ...]:
        products = dict.fromkeys(product_stream(item.product_id) for item in self.items)
        return tuple(products) if self.customer_id is None else (customer_stream(self.customer_id), *products)


class ChangeOrderStatus(Command):
    """Move an order along its life, or cancel it."""

    type: Literal["ChangeOrderStatus"] = "ChangeOrderStatus"
    order_id: Id
    status: OrderStatus
    note: Note | None = None
    occurred_at: Moment | None = None
    """The time when it happened, for importing history; ``None`` is now."""

    @property
    def stream(self) -> str:
        return order_stream(self.order_id)


class OrderPlaced(Event):
    """A customer ordered; ``total`` is in minor units, ``units`` the sum of the quantities.

    A walk-in order has no ``customer_id``, and an order that is not sent has no
    ``shipping_address``.
    """

    schema_version = 2
    type: Literal["OrderPlaced"] = "OrderPlaced"
    order_id: Id
    customer_id: Id | None
    customer_name: Name
    reference: Reference | None
    placed_at: Moment
    currency: Currency
    lines: tuple[Line, ...]
    total: int
    units: int
    shipping_address: Address | None


class OrderStatusChanged(Event):
    """An order went from one status to another.

    The event carries what a report needs to count the order again.
    """

    schema_version = 2
    order_id: Id
    customer_id: Id | None
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
