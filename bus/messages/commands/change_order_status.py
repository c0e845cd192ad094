from typing import Literal

from bus.messages.commands.command import Command
from bus.messages.streams import order_stream
from bus.messages.values import Id, Moment, Note, OrderStatus


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
