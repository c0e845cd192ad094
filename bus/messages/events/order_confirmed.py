from typing import Literal

from bus.messages.events.order_status_changed import OrderStatusChanged


class OrderConfirmed(OrderStatusChanged):
    """The shop took the order on."""

    type: Literal["OrderConfirmed"] = "OrderConfirmed"
