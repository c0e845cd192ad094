from typing import Literal

from bus.messages.events.order_status_changed import OrderStatusChanged


class OrderCancelled(OrderStatusChanged):
    """The order will not be carried out."""

    type: Literal["OrderCancelled"] = "OrderCancelled"
