"""Why a command is refused. Each kind has one status in the HTTP contract."""

from enum import StrEnum

from bus.messages.message import Message


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
