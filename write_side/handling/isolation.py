"""Counts attempts at commands before they begin, and isolates commands that may kill the worker.

To isolate a command means here to handle it apart from others. It has nothing to do with the
isolation of database transactions. A command that keeps raising is kept as failed. A command that
keeps killing its worker cannot be told from the commands beside it. So a command that has twice
been under way when a process died is a suspect and handled alone. A command that has been alone
three times when its process died is kept as failed. The commands that were beside it are not.

The failure is in the log, like every outcome. A worker that stalled with the command and goes on
later cannot append another outcome. So what callers were told stays true. Commands that were
decided after the failure were decided rightly, since the failed command changes nothing later. An
operator's retry takes the failure out of the log (``bus.dead_letters.failed_commands``). If MongoDB
goes away before the end of an attempt is noted, the attempt is taken back: it says nothing about
the command.

The last step is here too. It rings doorbells for what the log has, tells those who wait for the
command, and takes the command out of the inbox. All of it can be repeated, or left to a sweep.
"""

import time
from collections.abc import Sequence

from pymongo.client_session import ClientSession

from bus.inbox.attempts import Attempts
from bus.inbox.command_records import outcome_of
from bus.inbox.inbox import Inbox, InboxEntry
from bus.messages.outcome import Outcome
from write_side.errors import BusyError, WorkerKilledError
from write_side.handling import outcomes
from write_side.handling.announcer import Announcer
from write_side.handling.decider import Decided, Decider
from write_side.handling.telemetry import CommandTelemetry
from write_side.handling.transience import is_transient

SUSPECT_AFTER = 2
"""The number of attempts without any news after which a command is handled alone."""
SUSPECT_AT_ONCE = 4
"""The same number if an attempt began just now: open ones may be under way, but hardly so many."""
DEATHS_ALONE = 3
"""The number of attempts made alone without any news after which a command is kept as failed."""


class Isolation:
    """Takes commands to their outcomes, several together or a suspect alone.

    It is not for several threads.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        inbox: Inbox,
        attempts: Attempts,
        decider: Decider,
        announcer: Announcer,
        max_errors: int,
        telemetry: CommandTelemetry,
    ) -> None:
        self._inbox = inbox
        self._attempts = attempts
        self._decider = decider
        self._announcer = announcer
        self._max_errors = max_errors
        self._telemetry = telemetry

    def is_suspect(self, entry: InboxEntry) -> bool:
        """Return True if a command has to be attempted alone."""
        if entry.open_attempts < SUSPECT_AFTER:
            return False
        return entry.open_attempts >= SUSPECT_AT_ONCE or self._attempts.are_quiet(entry.command_id)

    def together(
        self, entries: Sequence[InboxEntry], session: ClientSession | None
    ) -> Sequence[Outcome | Exception]:
        """Return for each command its outcome, or the error that handling it raised.

        ``session`` is the one in which the inbox said that it is their turn. An error that passes
        by itself does not count against a command. An error that concerns all of them is raised.
        """
        self._attempts.begin_all([entry.command_id for entry in entries])
        return self._tried(entries, session)

    def alone(self, entry: InboxEntry, session: ClientSession | None) -> Outcome:
        """Handle a suspect alone; return its outcome, or raise what handling it raised."""
        deaths = self._attempts.begin_alone(entry.command_id)
        if deaths is None:
            raise BusyError(f"{entry.command_id} is being handled alone elsewhere")
        try:
            if deaths >= DEATHS_ALONE:
                return self._given_up(entry, deaths)
            [outcome] = self._tried([entry], session)
        except Exception:
            self._attempts.end_alone(entry.command_id)
            raise
        if isinstance(outcome, Exception):
            self._attempts.end_alone(entry.command_id)
            raise outcome
        return outcome

    def _tried(
        self, entries: Sequence[InboxEntry], session: ClientSession | None
    ) -> list[Outcome | Exception]:
        began = time.time()
        unheard = {entry.command_id for entry in entries}
        """The commands of whose attempts nothing has been counted yet."""
        try:
            decided = self._decider(entries, session)
            came_to = [self._came_to(e, one, unheard) for e, one in zip(entries, decided, strict=True)]
            ended = [(e, o) for e, o in zip(entries, came_to, strict=True) if isinstance(o, Outcome)]
            self._finish(ended, began)
        except Exception:
            for command_id in unheard:
                self._attempts.take_back(command_id)
            raise
        return came_to

    def _came_to(self, entry: InboxEntry, decided: Decided, unheard: set[str]) -> Outcome | Exception:
        if not isinstance(decided, Exception):
            return outcome_of(decided)
        if is_transient(decided):
            unheard.discard(entry.command_id)
            self._attempts.take_back(entry.command_id)
            return decided
        errors = self._attempts.count_error(entry.command_id, repr(decided))
        unheard.discard(entry.command_id)
        return decided if errors < self._max_errors else self._last_word(entry, decided)

    def _given_up(self, entry: InboxEntry, deaths: int) -> Outcome:
        began = time.time()
        try:
            outcome = self._last_word(entry, WorkerKilledError(f"{deaths} workers died of it"))
            self._finish([(entry, outcome)], began)
        except Exception:
            self._attempts.take_back(entry.command_id)
            raise
        return outcome

    def _last_word(self, entry: InboxEntry, error: Exception) -> Outcome:
        """Append the failure; return it, or the outcome that the log holds all the same.

        An error may come after the insert. The log says which outcome holds, by the one insert that
        it lets in. If the log does not take the failure, because appending to it raises, the
        failure is noted in the inbox alone.
        """
        failed = outcomes.failed(entry, error)
        last = self._decider.append_outcome(entry, failed)
        if not isinstance(last, Exception):
            return outcome_of(last)
        if is_transient(last):
            raise last
        return failed

    def _finish(self, ended: Sequence[tuple[InboxEntry, Outcome]], began: float) -> None:
        if not ended:
            return
        if partitions := {outcome.partition for _, outcome in ended if outcome.seq is not None}:
            self._announcer.ring(sorted(partitions))
        if done := [entry.command_id for entry, outcome in ended if not outcome.is_failure]:
            self._announcer.tell(done)  # the log says it already
        self._inbox.finish_all(
            [(entry.command_id, outcome) for entry, outcome in ended],
            {entry.command_id: entry.accepted_ts for entry, _ in ended},
        )
        if failed := [entry.command_id for entry, outcome in ended if outcome.is_failure]:
            self._announcer.tell(failed)
        for entry, outcome in ended:
            self._telemetry.handled(entry, outcome, began)
