"""Commands in the inbox, and what they come to."""

from bus.inbox.inbox import Inbox, InboxEntry
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from tests.support import messages

PARTITIONS = 4
"""Of the log that the inbox belongs to."""

STREAM = {"stream": "order-o1", "partition": 0}
SUCCEEDED = Outcome(status=CommandStatus.SUCCEEDED, seq=7, version=3, total=6350, **STREAM)
REJECTED = Outcome(
    status=CommandStatus.REJECTED,
    seq=8,
    rejection=Rejection(
        kind=RejectionKind.INVALID,
        code="unknown-product",
        detail="There is no such product.",
        errors=(FieldError(field="items.0.product_id", message="unknown"),),
    ),
    **STREAM,
)
FAILED = Outcome(status=CommandStatus.FAILED, error="ValueError()", **STREAM)


def accept(inbox: Inbox, command_id: str, order_id: str = "o1") -> None:
    command = messages.change_order_status(order_id=order_id)
    assert inbox.accept_all([(messages.envelope(command_id=command_id, command=command), None)]) == [True]


def found(inbox: Inbox, command_id: str = "k1") -> InboxEntry:
    entry = inbox.find(command_id)
    assert entry is not None
    return entry


def ids(entries: list[InboxEntry]) -> list[str]:
    return [entry.command_id for entry in entries]
