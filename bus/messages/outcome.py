"""What a command came to. There is exactly one outcome per accepted command."""

from enum import StrEnum

from bus.messages.message import Message
from bus.messages.rejection import Rejection


class CommandStatus(StrEnum):
    """Accepted is not an outcome yet; the other three are."""

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"


class Outcome(Message):
    """How a command ended, and where the log has it.

    ``partition`` and ``seq`` say up to where a reader must have read to see it. ``version`` is the
    aggregate's afterwards; a refusal has none. ``total`` (minor units) comes with a placed order.
    """

    status: CommandStatus
    stream: str
    partition: int
    seq: int | None = None
    version: int | None = None
    total: int | None = None
    rejection: Rejection | None = None
    error: str | None = None
    """Why it failed, for an operator."""

    @property
    def is_failure(self) -> bool:
        return self.status is CommandStatus.FAILED
