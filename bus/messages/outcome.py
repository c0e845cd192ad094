"""The outcome of a command. There is exactly one per accepted command."""

from enum import StrEnum

from bus.messages.message import Message
from bus.messages.rejection import Rejection


class CommandStatus(StrEnum):
    """The status of a command. ``accepted`` is not an outcome yet; the other three are."""

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"


class Outcome(Message):
    """The end of a command, and its place in the log.

    A reader sees it once it has read ``partition`` up to ``seq``. ``version`` is the aggregate's
    version afterwards; a refusal has none. ``total`` (minor units) comes with a placed order.
    """

    status: CommandStatus
    stream: str
    partition: int
    seq: int | None = None
    version: int | None = None
    total: int | None = None
    rejection: Rejection | None = None
    error: str | None = None
    """The reason why it failed, for an operator."""

    @property
    def is_failure(self) -> bool:
        return self.status is CommandStatus.FAILED
