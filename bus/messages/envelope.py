"""The envelope that carries a command with its caller, its time and the ids of its origin."""

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
    """The trace that the command belongs to (W3C Trace Context).

    If no trace is recorded, there is no such field.
    """
    accepted_at: Moment
    """The time that the decision uses, however late or often it is made."""
    by: Principal
    expected_versions: tuple[int, ...] | None = None
    """The versions that the aggregate may have, from ``If-Match``; ``None`` allows any."""
    command: AnyCommand

    def to_stored(self) -> dict[str, Any]:
        """Return the envelope as BSON keeps it, with times as times."""
        return self.model_dump()
