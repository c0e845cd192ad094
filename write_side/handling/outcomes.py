"""The outcomes of commands: nothing changed, rejected, failed, or refused by a precondition."""

from collections.abc import Sequence
from typing import Any

from bus.inbox.inbox import InboxEntry
from bus.messages.message import Event
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.rejection import Rejection, RejectionKind


def without_events(entry: InboxEntry, rejection: Rejection | None, version: int) -> dict[str, Any]:
    """Return the outcome of a command that changed nothing; without a rejection it succeeded."""
    outcome = Outcome(
        status=CommandStatus.REJECTED if rejection else CommandStatus.SUCCEEDED,
        stream=entry.envelope.command.stream,
        partition=entry.partition,
        version=None if rejection else version,
        rejection=rejection.cut() if rejection else None,
    )
    return outcome.model_dump()


def failed(entry: InboxEntry, error: BaseException) -> Outcome:
    """Return the outcome of a command that kept raising."""
    return Outcome(
        status=CommandStatus.FAILED,
        stream=entry.envelope.command.stream,
        partition=entry.partition,
        error=f"{type(error).__name__}: {error}",
    )


def with_precondition(
    decided: Sequence[Event] | Rejection, expected: tuple[int, ...] | None, version: int
) -> Sequence[Event] | Rejection:
    """Return a decision as ``If-Match`` leaves it (RFC 9110, 13.1.1).

    A target that is unknown stays a 404. Any other decision becomes a rejection if the target is
    not at one of the versions that the caller expects.
    """
    unknown = isinstance(decided, Rejection) and decided.kind is RejectionKind.NOT_FOUND
    if expected is None or unknown or version in expected:
        return decided
    return Rejection(
        kind=RejectionKind.VERSION_MISMATCH,
        code="version-mismatch",
        detail=f"It is at version {version}, not at {' or '.join(map(str, expected)) or 'any'}.",
    )
