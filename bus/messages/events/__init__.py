"""Every event, as one discriminated union, and how an event is kept in the log.

In the log an event is ``{type, v, data}``. ``v`` is the class's ``schema_version``: a build that meets a
newer one, or a type that it does not know, refuses to guess. Fields that it does not know, of an event of its
own version, are passed over (see ``bus.messages.message``).
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from bus.errors import UnknownMessageError
from bus.messages.events.customer_email_changed import CustomerEmailChanged
from bus.messages.events.customer_registered import CustomerRegistered
from bus.messages.events.customer_renamed import CustomerRenamed
from bus.messages.events.event import Event
from bus.messages.events.order_cancelled import OrderCancelled
from bus.messages.events.order_confirmed import OrderConfirmed
from bus.messages.events.order_delivered import OrderDelivered
from bus.messages.events.order_placed import OrderPlaced
from bus.messages.events.order_shipped import OrderShipped
from bus.messages.events.order_status_changed import OrderStatusChanged
from bus.messages.events.product_added import ProductAdded
from bus.messages.events.product_discontinued import ProductDiscontinued
from bus.messages.events.product_reinstated import ProductReinstated
from bus.messages.events.product_renamed import ProductRenamed
from bus.messages.events.product_repriced import ProductRepriced

CustomerEvent = CustomerRegistered | CustomerRenamed | CustomerEmailChanged
ProductEvent = ProductAdded | ProductRenamed | ProductRepriced | ProductDiscontinued | ProductReinstated
OrderEvent = OrderPlaced | OrderConfirmed | OrderShipped | OrderDelivered | OrderCancelled
AnyEvent = Annotated[CustomerEvent | ProductEvent | OrderEvent, Field(discriminator="type")]

_read: Callable[..., AnyEvent] = TypeAdapter[AnyEvent](AnyEvent).validator.validate_python
"""The adapter's own method passes on eight options that nobody sets here, which takes a sixth of the time."""
SCHEMA_VERSIONS = {
    kind.__name__: kind.schema_version
    for union in (CustomerEvent, ProductEvent, OrderEvent)
    for kind in union.__args__
}


def to_stored(event: Event) -> dict[str, Any]:
    """The event as the log keeps it; its type is the name of its class."""
    return {
        "type": type(event).__name__,
        "v": event.schema_version,
        "data": event.model_dump(exclude={"type"}),
    }


def from_stored(stored: Mapping[str, Any]) -> AnyEvent:
    """The event that the log holds.

    Raises:
        UnknownMessageError: the type or its version is not one of this build's.
        pydantic.ValidationError: the data does not fit the type.

    """
    kind, version = stored["type"], stored["v"]
    if SCHEMA_VERSIONS.get(kind) != version:
        raise UnknownMessageError(f"event {kind} version {version}")
    return _read({"type": kind, **stored["data"]}, extra="ignore")


__all__ = [
    "SCHEMA_VERSIONS",
    "AnyEvent",
    "CustomerEmailChanged",
    "CustomerEvent",
    "CustomerRegistered",
    "CustomerRenamed",
    "Event",
    "OrderCancelled",
    "OrderConfirmed",
    "OrderDelivered",
    "OrderEvent",
    "OrderPlaced",
    "OrderShipped",
    "OrderStatusChanged",
    "ProductAdded",
    "ProductDiscontinued",
    "ProductEvent",
    "ProductReinstated",
    "ProductRenamed",
    "ProductRepriced",
    "from_stored",
    "to_stored",
]
