"""Why a command is refused. Each kind has one status in the HTTP contract."""

from enum import StrEnum

from bus.messages.message import Message

MAX_ERRORS = 20
"""Fields that a stored refusal names; an order may have 200 lines, each of them wrong."""


class RejectionKind(StrEnum):
    """What stands in the way."""

    NOT_FOUND = "not-found"
    INVALID = "invalid"
    CONFLICT = "conflict"
    VERSION_MISMATCH = "version-mismatch"


class FieldError(Message):
    """Which field of the request is at fault, as a dotted path, and why."""

    field: str
    message: str


class Rejection(Message):
    """A refusal that a caller can understand; the command is finished and changed nothing."""

    kind: RejectionKind
    code: str
    """A stable word for programs, such as ``unknown-product``."""
    detail: str
    errors: tuple[FieldError, ...] = ()

    def cut(self) -> "Rejection":
        """As it is stored: with at most ``MAX_ERRORS`` errors, and how many more there were in its detail."""
        more = len(self.errors) - MAX_ERRORS
        if more <= 0:
            return self
        detail = f"{self.detail} ({more} more errors than are listed)"
        return self.model_copy(update={"detail": detail, "errors": self.errors[:MAX_ERRORS]})
