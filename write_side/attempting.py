"""One attempt at a command whose turn it is: counted before it begins, the last one if there were too many.

A command that keeps raising is kept as failed. One that keeps killing its worker cannot be told from those
that died beside it, so what has twice been under way when a process died is a suspect and handled alone;
one that has been alone three times when its process died is kept as failed. Its bystanders are not.

The last beat is here: the outcome is copied to the inbox, and then the bell is rung. Both can be repeated,
or left to a sweep.
"""

import time

from bus.attempts import Attempts
from bus.group_commit import GroupCommit
from bus.inbox import Entry, Inbox
from bus.log import Log
from bus.messages.outcome import Outcome
from write_side import outcomes
from write_side.bell import Bell
from write_side.company import Company
from write_side.deciding import Deciding
from write_side.errors import BusyError, WorkerKilledError
from write_side.in_hand import InHand
from write_side.telemetry import Telemetry
from write_side.transience import is_transient

SUSPECT_AFTER = 2
"""Attempts of which nothing was heard, after which a command is handled alone."""
DEATHS_ALONE = 3
"""Attempts made alone of which nothing was heard, after which it is kept as failed."""


class Attempting:
    """Takes commands to their outcomes, one attempt at a time."""

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
        self._attempts = attempts
        self._deciding = deciding
        self._bell = bell
        self._max_errors = max_errors
        self._company = Company()
        self._telemetry = telemetry
        batches = telemetry.metrics.batches
        self._begin = GroupCommit(batches("begin", attempts.begin_all), shared=is_transient)
        self.finish = GroupCommit(batches("finish", inbox.finish_all), shared=is_transient)
        self.in_hand = InHand()

    def __call__(self, entry: Entry) -> Outcome | None:
        """Its outcome; ``None`` if another thread has had it in hand meanwhile, so look again.

        Raises:
            Exception: what handling it raised. What passes by itself does not count against the command.

        """
        with self.in_hand.take(entry.command_id) as mine:
            if not mine:
                return None
            began = time.time()
            suspect = entry.open_attempts >= SUSPECT_AFTER
            outcome = self._alone(entry) if suspect else self._together(entry)
            self.finish((entry.command_id, outcome))
            self._bell.ring(outcome, entry.command_id)
            self._telemetry.handled(entry, outcome, began)
            return outcome

    def _together(self, entry: Entry) -> Outcome:
        with self._company.together():
            self._begin(entry.command_id)
            return self._attempt(entry)

    def _alone(self, entry: Entry) -> Outcome:
        with self._company.alone():
            deaths = self._attempts.begin_alone(entry.command_id)
            if deaths is None:
                raise BusyError(f"{entry.command_id} is being handled alone elsewhere")
            if deaths >= DEATHS_ALONE:
                return self._last_word(entry, WorkerKilledError(f"{deaths} workers died of it"))
            try:
                return self._attempt(entry)
            except Exception:
                self._attempts.end_alone(entry.command_id)
                raise

    def _attempt(self, entry: Entry) -> Outcome:
        try:
            commit = self._deciding(entry)
        except Exception as error:
            if is_transient(error):
                self._attempts.take_back(entry.command_id)
                raise
            if self._attempts.count_error(entry.command_id, repr(error)) < self._max_errors:
                raise
            return self._last_word(entry, error)
        return outcomes.of_commit(commit, entry.envelope.command.stream)

    def _last_word(self, entry: Entry, error: Exception) -> Outcome:
        """Failed, unless the log holds an outcome all the same: what raised may come after the insert."""
        commit = self._log.of_command(entry.partition, entry.command_id)
        if commit is None:
            return outcomes.failed(entry, error)
        return outcomes.of_commit(commit, entry.envelope.command.stream)
