"""What keeps the product's promises while primaries change, and what breaks without each."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any
from unittest import mock

from bus.connections import UNSETTLED
from bus.inbox import Inbox
from bus.log import Log
from bus.positions import HighestRead
from tests.interleavings.protection import Protection

IN_ORDER = "a later version stands above what it rests on"
DURABLE_ONLY = "a repeat under a key is told the ids of its first"
NEVER_STALE = "a strong read shows what was acknowledged, or nothing"


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


def by_majority() -> AbstractContextManager[object]:
    """A strong read shows what a majority is known to have, however old that is."""

    @contextmanager
    def now(self: Log) -> Iterator[Log]:
        yield self

    return mock.patch.object(Log, "now", now)


CLAIM_ABOVE = Protection("a claim above what was read", IN_ORDER, counter_alone)
SETTLED_INBOX = Protection("settled reads of the inbox", DURABLE_ONLY, local_inbox)
READ_BARRIER = Protection("a read barrier before a strong read", NEVER_STALE, by_majority)
