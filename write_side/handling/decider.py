"""Decides a batch of commands in one go: load, skip if done, decide, append.

This module loads, has the command decided, and appends, for a batch. It holds no rule of the
domain. The pure decider of an aggregate, with ``decide``, ``evolve`` and the state, is
``write_side.domain.aggregates.Aggregate``.

The commands of a batch are in the order of acceptance. If a command has to come after another one,
that one is finished or stands before it in the batch. The commands are decided in memory: a later
command sees the states that the earlier ones have left, as if each had been appended before the
next was looked at. One ordered insert appends them, so none of them is in the log without those
before it. If the log refuses one, because another worker was faster, it and all after it are
decided again on what the log has by then.

The insert alone settles what a command came to, also if others handle it at the same time;
everything before the insert is read-only. So a handler may be killed anywhere, and any number of
handlers may be given the same command. All reads are in the session in which the inbox was read. So
a decision sees everything in the log that the inbox says is finished.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from pymongo.client_session import ClientSession
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from bus.errors import AlreadyCommittedError, VersionConflictError
from bus.inbox.inbox import InboxEntry
from bus.log.commit import Commit, Decision
from bus.log.log import Appended, Log
from bus.messages.outcome import Outcome
from bus.messages.streams import partition_of
from write_side.errors import EarlierUnfinishedError
from write_side.handling.decisions import States, decision_about
from write_side.handling.in_flight import BlockingCommands
from write_side.handling.snapshots import Key, Snapshot, Snapshots
from write_side.handling.telemetry import CommandTelemetry
from write_side.handling.transience import is_transient

CONFLICT_TRIES = 20
"""The number of tries in place, some milliseconds apart. A conflict is an everyday race, not worth
a trip through the queue."""

Decided = Commit | Exception
"""The commit that says what a command came to, or the error that handling it raised."""


class Decider:
    """The steps up to the append; not for several threads."""

    def __init__(self, log: Log, telemetry: CommandTelemetry, now: Callable[[], datetime]) -> None:
        """Make the decider; ``now`` gives the time that decisions record, and decides nothing."""
        self._log = log
        self._now = now
        self._snapshots = Snapshots()
        self.newest = self._snapshots.load
        self._view = log
        """The log in the session of the present batch, in which a read after an append shows the
        append."""
        self.append = telemetry.appends(self._append)

    def __call__(self, entries: Sequence[InboxEntry], session: ClientSession | None) -> list[Decided]:
        """Return for each command the commit that says what it came to, or the error it raised.

        The commit was made now or found. The errors include ``VersionConflictError``, if others
        were faster again and again, ``AlreadyCommittedError``, if the log has the command's commit
        and does not show it yet, and ``EarlierUnfinishedError``, if a command before it raised. An
        error that concerns all of them, such as that MongoDB is away, is raised.
        """
        conflicts = Retrying(
            retry=retry_if_result(bool),
            wait=wait_random_exponential(multiplier=0.002, max=0.1),
            stop=stop_after_attempt(CONFLICT_TRIES),
            retry_error_callback=_last_result,
        )
        self._view = self._log.within(session)
        try:
            with ExitStack() as views:
                rounds = _Rounds(self, entries, self._view, views)
                refused = conflicts(rounds)
        finally:
            self._view = self._log
        error = refused[0] if refused else None
        for entry in entries:
            if entry.command_id not in rounds.decided and error is not None:
                rounds.decided[entry.command_id] = error
        return [rounds.decided[entry.command_id] for entry in entries]

    def _append(self, decisions: Sequence[Decision]) -> list[Appended]:
        return self._view.append(decisions)

    def append_outcome(self, entry: InboxEntry, outcome: Outcome) -> Decided:
        """Append an outcome without a decision; return the commit with the command's outcome.

        That commit is this one or an earlier one. If appending raises and the log has no commit of
        the command, the error is returned. An error that concerns every append, such as that
        MongoDB is away, is raised.
        """
        decision = decision_about(entry, self._now(), outcome=outcome.model_dump())
        try:
            [appended] = self.append([decision])
        except Exception as error:
            if is_transient(error):
                raise
            appended_or: Decided = error
        else:
            appended_or = appended
        if not isinstance(appended_or, Exception):
            return appended_or
        with self._log.now() as log:
            return log.of_command(entry.partition, entry.command_id) or appended_or

    def load(self, entries: Sequence[InboxEntry], log: Log) -> "States":
        """Return the states of what the commands change and take facts from, as they are now."""
        partitions = log.partitions
        keys: set[Key] = set()
        for entry in entries:
            keys.add((entry.partition, entry.envelope.command.stream))
            keys.update(
                (partition_of(stream, partitions), stream) for stream in entry.envelope.command.fact_streams
            )
        return States(self.newest(log, keys), partitions, self._now())

    def remember(self, commit: Commit, states: "States") -> None:
        """Keep the state that a commit left, if nothing of the batch follows it on its stream."""
        key = commit.partition, str(commit.stream)
        state, version = states.left.get(key, (None, None))
        if commit.version is not None and version == commit.version:
            self._snapshots.remember(key, Snapshot.of(commit, state))

    def append_all(self, decisions: Sequence[Decision]) -> list[Decided]:
        """Append like ``Log.append``; also stop at a decision that cannot be appended at all."""
        if not decisions:
            return []
        try:
            return list(self.append(decisions))
        except Exception as error:
            if is_transient(error):
                raise
            if len(decisions) == 1:
                return [error]
        appended: list[Decided] = []
        for decision in decisions:
            appended += self.append_all([decision])
            if isinstance(appended[-1], Exception):
                break
        return appended


class _Rounds:
    """The rounds of one batch: each takes what is left through the steps, up to a refusal."""

    def __init__(self, decider: Decider, entries: Sequence[InboxEntry], log: Log, views: ExitStack) -> None:
        self.decided: dict[str, Decided] = {}
        self._decider = decider
        self._entries = entries
        self._log = log
        self._views = views
        self._looks_for_done = False

    def __call__(self) -> list[Exception]:
        """Make one round; return the refusal after which some commands are left, if any."""
        if self._looks_for_done:
            self._find_done()
        else:
            self._find_repeated()
        states = self._decider.load(self._entries, self._log)  # after that: they hold what was found done
        decisions = self._decisions(states)
        appended = self._decider.append_all(decisions)
        for decision, result in zip(decisions, appended, strict=False):
            if isinstance(result, VersionConflictError | AlreadyCommittedError):
                return [self._refused(result)]
            self.decided[str(decision.command_id)] = result
            if isinstance(result, Commit):
                self._decider.remember(result, states)
        left = decisions[len(appended) :]
        return [VersionConflictError("one before it could not be appended")] if left else []

    def _left(self) -> list[InboxEntry]:
        return [entry for entry in self._entries if entry.command_id not in self.decided]

    def _refused(self, refusal: Exception) -> Exception:
        """Return the refusal, and let the next round look for what others have decided.

        Another worker that was faster may have decided any of the commands. The insert may have met
        a commit that is not settled yet: it is settled once the log as it is now can be read.
        """
        if isinstance(refusal, AlreadyCommittedError) and self._looks_for_done:
            self._log = self._views.enter_context(self._decider._log.now())  # noqa: SLF001 - of one module
        self._looks_for_done = True
        return refusal

    def _find_repeated(self) -> None:
        """Find commands sent again after they had left the inbox; their ids come from a key.

        Such a command may be about another stream, in another partition, where no index refuses it.
        """
        keyed = [entry.command_id for entry in self._entries if entry.request is not None]
        self.decided |= self._log.of_commands_anywhere(keyed)

    def _find_done(self) -> None:
        of_partition: defaultdict[int, list[str]] = defaultdict(list)
        for entry in self._left():
            of_partition[entry.partition].append(entry.command_id)
        self.decided |= self._log.of_commands(of_partition)

    def _decisions(self, states: "States") -> list[Decision]:
        """Decide the commands that are left, each on the states that those before it leave."""
        unfinished = BlockingCommands()
        decisions = []
        for entry in self._entries:
            command = entry.envelope.command
            known = self.decided.get(entry.command_id) or states.commit_of(entry)
            if known is None and unfinished.blocks(command):
                known = EarlierUnfinishedError(entry.command_id)
            if known is None:
                try:
                    decisions.append(states.decide(entry))
                    continue
                except Exception as error:  # noqa: BLE001 - it is this command's, and harms none beside it
                    known = error
            self.decided[entry.command_id] = known
            if isinstance(known, Exception):
                unfinished.add(command)
        return decisions


def _last_result(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None
