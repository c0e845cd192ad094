"""What happens to a command, in five beats: load, skip if done, decide, append, ring; and in which order.

A command is decided only when no earlier accepted one is unfinished that changes a stream it touches, or
takes facts from the one it changes. So it comes to what it would have, had each been handled before the
next was accepted. A handler that finds an earlier one does not wait for it: it handles it first.
Dependencies point only backwards in the inbox's order, so this ends, and whoever loses the race finds the
work done.

The beats up to the append are in ``deciding``, the last one in ``attempting``, with what is done about
commands that raise, or kill.
"""

from bus.attempts import Attempts
from bus.group_commit import GroupCommit
from bus.inbox import Entry, Inbox
from bus.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import Outcome
from bus.metrics import Metrics
from write_side.attempting import Attempting
from write_side.bell import Bell
from write_side.deciding import Deciding
from write_side.errors import EarlierUnfinishedError
from write_side.telemetry import Telemetry
from write_side.transience import is_transient


class Handling:
    """Takes commands to their outcomes."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        log: Log,
        inbox: Inbox,
        attempts: Attempts,
        bell: Bell,
        max_errors: int,
        telemetry: Telemetry | None = None,
    ) -> None:
        told = telemetry or Telemetry(Metrics())  # else nobody is told
        self._inbox = inbox
        self._unfinished = GroupCommit(
            told.metrics.batches("unfinished", inbox.unfinished_around), shared=is_transient
        )
        self.deciding = Deciding(log, told)
        self.attempting = Attempting(log, inbox, attempts, self.deciding, bell, max_errors, told)

    def __call__(self, envelope: CommandEnvelope) -> Outcome | None:
        """Handle a command, after those it must come after.

        Returns its outcome, or ``None`` if there was nothing left to do: it is finished, or was never
        accepted.

        Raises:
            VersionConflictError, EarlierUnfinishedError, BusyError, and what MongoDB raises while it is away:
            to be tried again later; nothing is lost.

        """
        behind = [envelope]  # on top what comes first; no recursion: a chain may be as long as the backlog
        while True:
            current = behind[-1]
            unfinished = self._unfinished(current.command)
            own = self._own(current.command_id, unfinished)
            if own is None:
                outcome = None
            elif earlier := [entry for entry in unfinished if entry.accepted_ts < own.accepted_ts]:
                behind.extend(entry.envelope for entry in reversed(earlier))
                continue
            elif (outcome := self._turn(own, helping=len(behind) > 1)) is None:
                continue  # another thread has had it in hand: look again
            behind.pop()
            if not behind:
                return outcome

    def _own(self, command_id: str, unfinished: list[Entry]) -> Entry | None:
        for entry in unfinished:
            if entry.command_id == command_id:
                return entry
        found = self._inbox.find(command_id)  # finished, or behind more than one page of others
        return None if found is None or found.finished else found

    def _turn(self, entry: Entry, *, helping: bool) -> Outcome | None:
        try:
            return self.attempting(entry)
        except Exception as error:
            if not helping:
                raise
            current = self._inbox.find(entry.command_id)
            if current is not None and not current.finished:
                raise EarlierUnfinishedError(entry.command_id) from error
            return current.outcome if current else None
