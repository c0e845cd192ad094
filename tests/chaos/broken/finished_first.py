"""A commands' worker that is broken on purpose: a command is marked as finished before it is in the log."""

from collections.abc import Sequence
from unittest import mock

from bus.inbox.command_records import outcome_of
from bus.inbox.inbox import Inbox
from bus.log.commit import Decision
from bus.log.log import Appended, Log
from tests.chaos.entries.commands import points
from write_side import worker

_append = Log.append


def _finish_and_append(self: Log, decisions: Sequence[Decision]) -> list[Appended]:
    inbox = Inbox(self._commits.database, self.partitions)
    commits = [decision.at_position(0) for decision in decisions]
    inbox.finish_all([(str(one.command_id), outcome_of(one)) for one in commits])
    return _append(self, decisions)


if __name__ == "__main__":
    with mock.patch.object(Log, "append", _finish_and_append), points():
        worker.main()
