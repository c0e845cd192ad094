"""A commands' worker that is broken on purpose: a command is marked as finished before it is in the log."""

from unittest import mock

from bus.commit import Commit, Decision
from bus.messages.outcome import CommandStatus, Outcome
from tests.chaos.entries.commands import points
from write_side import worker
from write_side.handling import Handling

_appended = Handling._appended


def _finished_and_appended(self: Handling, decision: Decision) -> Commit:
    if decision.stream is not None:
        outcome = Outcome(
            status=CommandStatus.SUCCEEDED,
            stream=decision.stream,
            partition=decision.partition,
            version=decision.version,
        )
        self._finish((decision.command_id, outcome))
    return _appended(self, decision)


if __name__ == "__main__":
    with points(), mock.patch.object(Handling, "_appended", _finished_and_appended):
        worker.main()
