"""The status of an order: moved on by commands, from pending to delivered or cancelled."""

from typing import Annotated, Any, ClassVar

import falcon

from api.http import bodies, queries, receipts
from api.http.commands import Commands
from api.http.problems import checked_id, forbidden
from api.middleware.deferral import Waits
from api.openapi.kinds import changing
from api.openapi.operation import Tag
from api.resources.orders import only_staff_tells_times
from bus.messages.orders import ChangeOrderStatus
from bus.messages.principal import Role
from bus.messages.values import Moment, NewNote, OrderStatus


class OrderStatusChange(bodies.Body):
    """A status: pending → confirmed → shipped → delivered; pending and confirmed → cancelled."""

    status: OrderStatus
    note: Annotated[NewNote | None, *bodies.OPTIONAL_TEXT] = None
    occurred_at: Moment | None = None

    examples: ClassVar[Any] = {
        "confirm": {"status": "confirmed"},
        "cancel": {"status": "cancelled", "note": "Changed my mind."},
    }


class OrderStatusResource:
    """``/orders/{order_id}/status``. Only the write side knows for sure whose order it is."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def on_patch(self, req: falcon.Request, resp: falcon.Response, order_id: str) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        checked_id("order", order_id)
        received = bodies.read(req, OrderStatusChange)
        body = received.body
        if req.context.principal.role is Role.CUSTOMER and body.status is not OrderStatus.CANCELLED:
            raise forbidden("A customer can only cancel.")
        only_staff_tells_times(req.context.principal, body.occurred_at)
        command = ChangeOrderStatus(
            order_id=order_id, status=body.status, note=body.note, occurred_at=body.occurred_at
        )
        yield from self._commands.send(req, resp, command, received.canonical)


OPERATIONS = {
    ("/orders/{order_id}/status", "PATCH"): changing(
        Tag.ORDERS,
        "Order",
        "Change the status of an order",
        "A customer can only cancel. Setting the status that it has succeeds and changes nothing.",
        OrderStatusChange,
        receipts.AcceptedOrder,
        id_="changeOrderStatus",
    ),
}
"""The API's description of this route."""
