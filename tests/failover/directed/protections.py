"""What keeps the product's promises while primaries change, and what breaks without each."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any
from unittest import mock

from bus.connections.clients import UNSETTLED, causal
from bus.inbox.command_records import CommandRecord, CommandRecords
from bus.inbox.inbox import Inbox
from bus.log.log import Log
from bus.log.positions import HighestRead
from bus.messages.envelope import CommandEnvelope
from tests.interleavings.protection import Protection
from write_side.handling.decider import _Rounds

IN_ORDER = "a later version stands above what it rests on"
DURABLE_ONLY = "a repeat under a key is told the ids of its first"
NEVER_STALE = "a strong read shows what was acknowledged, or nothing"
NEVER_REFUSED = "a token that was given out is not taken for a made-up one"


def counter_alone() -> AbstractContextManager[object]:
    """Positions are claimed from the counter, whatever the writer has read."""
    return mock.patch.object(HighestRead, "highest", return_value=0)


@contextmanager
def local_inbox() -> Iterator[None]:
    """The inbox shows whatever its primary has, and nothing is read causally after it."""
    made = Inbox.__init__

    def make(self: Inbox, *given: Any) -> None:
        made(self, *given)
        self._commands = self._commands.with_options(read_concern=UNSETTLED)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Inbox, "__init__", make))
        stack.enter_context(mock.patch.object(Inbox, "session", return_value=nullcontext()))
        yield


def repeats_are_new() -> AbstractContextManager[object]:
    """A worker does not look whether the log has a command of the same key already."""
    return mock.patch.object(_Rounds, "_find_repeated")


def inbox_alone() -> AbstractContextManager[object]:
    """A request is a repeat only if the inbox has its first; the log is not asked."""

    def accept_all(
        self: CommandRecords, accepted: Sequence[tuple[CommandEnvelope, str | None]]
    ) -> list[CommandRecord | None]:
        with causal(self._database) as session:
            new = self._inbox.accept_all(accepted, session)
            found = self._find([envelope.command_id for envelope, _ in accepted], session)
        return [None if is_new else record for is_new, record in zip(new, found, strict=True)]

    return mock.patch.object(CommandRecords, "accept_all", accept_all)


def by_majority() -> AbstractContextManager[object]:
    """A strong read shows what a majority is known to have, however old that is."""

    @contextmanager
    def now(self: Log) -> Iterator[Log]:
        yield self

    return mock.patch.object(Log, "now", now)


CLAIM_ABOVE = Protection("a claim above what was read", IN_ORDER, counter_alone)
SETTLED_INBOX = Protection("settled reads of the inbox", DURABLE_ONLY, local_inbox)
READ_BARRIER = Protection("a read barrier before a strong read", NEVER_STALE, by_majority)
BARRIER_BEFORE_REFUSAL = Protection("a read barrier before a token is refused", NEVER_REFUSED, by_majority)
