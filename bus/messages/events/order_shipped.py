from typing import Literal

from bus.messages.events.order_status_changed import OrderStatusChanged


class OrderShipped(OrderStatusChanged):
    """The order left the shop."""

    type: Literal["OrderShipped"] = "OrderShipped"
