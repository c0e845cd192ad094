"""What a command travels in: who asks, when it was accepted, and what it belongs to."""

from typing import Annotated, Any, Literal

from pydantic import Field

from bus.messages.message import Message
from bus.messages.principal import Principal
from bus.messages.registry import AnyCommand
from bus.messages.values import Moment


class CommandEnvelope(Message):
    """A command on its way. The inbox keeps it; the ``commands`` queue carries its id."""

    schema_version = 2  # a caller may have the role metrics; none with it sends commands

    envelope_version: Literal[1] = 1
    command_id: str
    correlation_id: str
    """Shared by everything that one outside request sets off."""
    causation_id: str | None = None
    """The message that directly caused this one; ``None`` for a request from outside."""
    traceparent: Annotated[str | None, Field(exclude_if=lambda sent: sent is None)] = None
    """The trace that it belongs to (W3C Trace Context), if that is recorded; else there is no such field."""
    accepted_at: Moment
    """The time that the decision is made with, however late or often it is made."""
    by: Principal
    expected_versions: tuple[int, ...] | None = None
    """From ``If-Match``: the versions the aggregate may be at. ``None`` is any."""
    command: AnyCommand

    def to_stored(self) -> dict[str, Any]:
        """As BSON keeps it, times as times."""
        return self.model_dump()
