"""The tables of all commands and of all events, and the form of an event in the log.

A new command or event is a class in its aggregate's file and a name in that file's union; the
tables follow.

In the log an event is ``{type, v, data}``. ``v`` is the ``schema_version`` of the class that wrote
it. An event of an older version goes through ``bus.messages.upcasters``, here and nowhere else. An
event of a newer version also has ``since`` if older readers may act on it. Then this build reads it
without the fields that it does not know. It refuses any other newer version, and any type that it
does not know: it does not guess.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter

from bus.errors import UnknownMessageError
from bus.messages.customers import CustomerCommand, CustomerEvent
from bus.messages.message import Event
from bus.messages.orders import OrderCommand, OrderEvent
from bus.messages.products import ProductCommand, ProductEvent
from bus.messages.upcasters import UPCASTERS, upcast

AnyCommand = Annotated[CustomerCommand | ProductCommand | OrderCommand, Field(discriminator="type")]
AnyEvent = Annotated[CustomerEvent | ProductEvent | OrderEvent, Field(discriminator="type")]

_read: Callable[..., AnyEvent] = TypeAdapter[AnyEvent](AnyEvent).validator.validate_python
"""Reads an event of any type.

The adapter's own method passes on eight options that nobody sets here, which takes a sixth of the
time.
"""


def _versions(kinds: tuple[type[Event], ...]) -> dict[str, int]:
    """Return the version of each event.

    Raises ``ValueError`` if an event has not as many upcasters as older versions.
    """
    for kind in kinds:
        if len(UPCASTERS.get(kind.__name__, ())) != kind.schema_version - 1:
            raise ValueError(
                f"{kind.__name__} is at version {kind.schema_version}: one upcaster for each before"
            )
    return {kind.__name__: kind.schema_version for kind in kinds}


SCHEMA_VERSIONS = _versions(get_args(get_args(AnyEvent)[0]))


def to_stored(event: Event) -> dict[str, Any]:
    """Return the event as the log keeps it; its type is the name of its class."""
    kind = type(event)
    stored = {"type": kind.__name__, "v": kind.schema_version, "data": event.model_dump(exclude={"type"})}
    if kind.readable_since is not None:
        stored["since"] = kind.readable_since
    return stored


def newest_data(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the data of a stored event in the newest form that this build knows, not validated.

    Raises:
        UnknownMessageError: this build cannot read the type or its version.

    """
    kind, version = stored["type"], stored["v"]
    known = SCHEMA_VERSIONS.get(kind, 0)
    if version == known:
        return stored["data"]  # type: ignore[no-any-return]
    if 0 < version < known:
        return upcast(kind, version, stored["data"])
    if known and version > known >= stored.get("since", version):
        return stored["data"]  # type: ignore[no-any-return]
    raise UnknownMessageError(f"event {kind} version {version}")


def from_stored(stored: Mapping[str, Any]) -> AnyEvent:
    """Return the event that the log holds.

    Raises:
        UnknownMessageError: this build cannot read the type or its version.
        pydantic.ValidationError: the data does not fit the type.

    """
    return _read({"type": stored["type"], **newest_data(stored)}, extra="ignore")
