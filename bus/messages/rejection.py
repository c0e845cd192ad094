"""The reasons for which a command is refused. Each kind has one status in the HTTP contract."""

from enum import StrEnum

from bus.messages.message import Message

MAX_ERRORS = 20
"""The most fields that a stored refusal names; an order may have 200 lines, all of them wrong."""


class RejectionKind(StrEnum):
    """The kind of a rejection."""

    NOT_FOUND = "not-found"
    INVALID = "invalid"
    CONFLICT = "conflict"
    VERSION_MISMATCH = "version-mismatch"


class FieldError(Message):
    """A field of the request that is at fault, as a dotted path, and the reason."""

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
        """Return the rejection as it is stored, with at most ``MAX_ERRORS`` errors.

        If there were more, its detail says how many more.
        """
        more = len(self.errors) - MAX_ERRORS
        if more <= 0:
            return self
        detail = f"{self.detail} ({more} more errors than are listed)"
        return self.model_copy(update={"detail": detail, "errors": self.errors[:MAX_ERRORS]})
