"""One attempt at a command whose turn it is: counted before it begins, the last one if there were too many.

A command that keeps raising is kept as failed. One that keeps killing its worker cannot be told from those
that died beside it, so what has twice been under way when a process died is a suspect and handled alone;
one that has been alone three times when its process died is kept as failed. Its bystanders are not.

The last beat is here: the bell is rung for what the log has, the outcome is copied to the inbox, and whoever
waits for it is told. All of it can be repeated, or left to a sweep.
"""

import time
from collections.abc import Sequence

from pymongo.client_session import ClientSession

from bus.attempts import Attempts
from bus.inbox import Entry, Inbox
from bus.log import Log
from bus.messages.outcome import Outcome
from write_side import outcomes
from write_side.bell import Bell
from write_side.company import Company
from write_side.deciding import Decided, Deciding
from write_side.errors import BusyError, WorkerKilledError
from write_side.telemetry import Telemetry
from write_side.transience import is_transient

SUSPECT_AFTER = 2
"""Attempts of which nothing was heard, after which a command is handled alone."""
SUSPECT_AT_ONCE = 4
"""The same when an attempt began just now: the open ones may be under way, but hardly so many."""
DEATHS_ALONE = 3
"""Attempts made alone of which nothing was heard, after which it is kept as failed."""


class Attempting:
    """Takes commands to their outcomes."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        log: Log,
        inbox: Inbox,
        attempts: Attempts,
        deciding: Deciding,
        bell: Bell,
        max_errors: int,
        telemetry: Telemetry,
    ) -> None:
        self._log = log
        self._inbox = inbox
        self._attempts = attempts
        self._deciding = deciding
        self._bell = bell
        self._max_errors = max_errors
        self._company = Company()
        self._telemetry = telemetry

    def is_suspect(self, entry: Entry) -> bool:
        """Whether it has to be attempted alone."""
        if entry.open_attempts < SUSPECT_AFTER:
            return False
        return entry.open_attempts >= SUSPECT_AT_ONCE or self._attempts.are_quiet(entry.command_id)

    def together(self, entries: Sequence[Entry], session: ClientSession) -> Sequence[Outcome | Exception]:
        """For each command its outcome, or what handling it raised.

        ``session`` is the one in which the inbox said that it is their turn. What passes by itself does not
        count against a command. What concerns all of them is raised.
        """
        with self._company.together():
            self._attempts.begin_all([entry.command_id for entry in entries])
            return self._tried(entries, session)

    def alone(self, entry: Entry, session: ClientSession) -> Outcome:
        """The outcome of a suspect; raises what handling it raised."""
        with self._company.alone():
            deaths = self._attempts.begin_alone(entry.command_id)
            if deaths is None:
                raise BusyError(f"{entry.command_id} is being handled alone elsewhere")
            if deaths >= DEATHS_ALONE:
                killed = WorkerKilledError(f"{deaths} workers died of it")
                failed = self._last_word(entry, killed)
                self._finish([(entry, failed)], time.time())
                return failed
            try:
                [outcome] = self._tried([entry], session)
            except Exception:
                self._attempts.end_alone(entry.command_id)
                raise
            if isinstance(outcome, Exception):
                self._attempts.end_alone(entry.command_id)
                raise outcome
            return outcome

    def _tried(self, entries: Sequence[Entry], session: ClientSession) -> list[Outcome | Exception]:
        began = time.time()
        try:
            decided = self._deciding(entries, session)
            came_to = [self._came_to(*pair) for pair in zip(entries, decided, strict=True)]
        except Exception:
            for entry in entries:
                self._attempts.take_back(entry.command_id)
            raise
        ended = [(e, o) for e, o in zip(entries, came_to, strict=True) if isinstance(o, Outcome)]
        self._finish(ended, began)
        return came_to

    def _came_to(self, entry: Entry, decided: Decided) -> Outcome | Exception:
        if not isinstance(decided, Exception):
            return outcomes.of_commit(decided)
        if is_transient(decided):
            self._attempts.take_back(entry.command_id)
            return decided
        if self._attempts.count_error(entry.command_id, repr(decided)) < self._max_errors:
            return decided
        return self._last_word(entry, decided)

    def _last_word(self, entry: Entry, error: Exception) -> Outcome:
        """Failed, unless the log holds an outcome all the same: what raised may come after the insert."""
        with self._log.now(entry.partition) as log:
            commit = log.of_command(entry.partition, entry.command_id)
        return outcomes.failed(entry, error) if commit is None else outcomes.of_commit(commit)

    def _finish(self, ended: Sequence[tuple[Entry, Outcome]], began: float) -> None:
        if not ended:
            return
        if partitions := {outcome.partition for _, outcome in ended if outcome.seq is not None}:
            self._bell.ring(sorted(partitions))
        self._inbox.finish_all([(entry.command_id, outcome) for entry, outcome in ended])
        self._bell.tell([entry.command_id for entry, _ in ended])
        for entry, outcome in ended:
            self._telemetry.handled(entry, outcome, began)
