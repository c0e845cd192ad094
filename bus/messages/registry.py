"""The tables of all commands and of all events, and how an event is kept in the log.

A new command or event is a class in its aggregate's file and a name in that file's union; the tables follow.

In the log an event is ``{type, v, data}``. ``v`` is the class's ``schema_version``: a build that meets a
newer one, or a type that it does not know, refuses to guess. Fields that it does not know, of an event of its
own version, are passed over (see ``bus.messages.message``).
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from bus.errors import UnknownMessageError
from bus.messages.customers import CustomerCommand, CustomerEvent
from bus.messages.message import Event
from bus.messages.orders import OrderCommand, OrderEvent
from bus.messages.products import ProductCommand, ProductEvent

AnyCommand = Annotated[CustomerCommand | ProductCommand | OrderCommand, Field(discriminator="type")]
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
