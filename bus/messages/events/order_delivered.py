from typing import Literal

from bus.messages.events.order_status_changed import OrderStatusChanged


class OrderDelivered(OrderStatusChanged):
    """The order arrived."""

    type: Literal["OrderDelivered"] = "OrderDelivered"
