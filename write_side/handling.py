"""What happens to a command, in five beats: load, skip if done, decide, append, ring.

The one insert of ``append`` decides what a command came to, whoever else handles it at the same time;
everything before it is read-only, everything after it can be repeated or left to a sweep. So a handler may
be killed anywhere, and any number of handlers may be given the same command.

Order: a command is decided only when no earlier accepted one is unfinished that changes a stream it touches,
or takes facts from the one it changes. So it comes to what it would have, had each been handled before the
next was accepted. A handler that finds an earlier one does not wait for it: it handles it first. Dependencies
point only backwards in the inbox's order, so this ends, and whoever loses the race finds the work done.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from bus.commit import Commit, Decision
from bus.errors import AlreadyCommittedError, VersionConflictError
from bus.group_commit import GroupCommit
from bus.inbox import Entry, Inbox
from bus.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.events import to_stored
from bus.messages.outcome import Outcome
from bus.messages.rejection import Rejection
from bus.messages.streams import id_of, partition_of
from bus.metrics import Metrics
from write_side import outcomes
from write_side.aggregates import aggregate_for, aggregate_of, fold
from write_side.errors import EarlierUnfinishedError
from write_side.facts import Facts
from write_side.snapshots import Snapshots
from write_side.telemetry import Telemetry
from write_side.transience import is_transient

CONFLICT_TRIES = 20
"""In place, some milliseconds apart: a conflict is an everyday race, not worth a trip through the queue."""


class Bell(Protocol):
    """Tells the rest of the system that a command is finished."""

    def ring(self, outcome: Outcome, command_id: str) -> None:
        """Must not raise: whoever does not hear it finds out by a sweep."""


class Handling:
    """Takes commands to their outcomes."""

    def __init__(
        self, log: Log, inbox: Inbox, bell: Bell, max_attempts: int, telemetry: Telemetry | None = None
    ) -> None:
        self._log = log
        self._inbox = inbox
        self._bell = bell
        self._max_attempts = max_attempts
        self._telemetry = telemetry or Telemetry(Metrics())  # else nobody is told
        batches = self._telemetry.metrics.batches
        # Threads that want the same at the same time go to the database together.
        self._unfinished = GroupCommit(batches("unfinished", inbox.unfinished_around), shared=is_transient)
        self._newest = GroupCommit(batches("load", Snapshots(log).load), shared=is_transient)
        self._append = GroupCommit(self._telemetry.appends(log.append), shared=is_transient)
        self._finish = GroupCommit(batches("finish", inbox.finish_all), shared=is_transient)

    def __call__(self, envelope: CommandEnvelope) -> Outcome | None:
        """Handle a command, after those it must come after.

        Returns its outcome, or ``None`` if there was nothing left to do: it is finished, or was never
        accepted.

        Raises:
            VersionConflictError, EarlierUnfinishedError, and what MongoDB raises while it is away: to be
            tried again later; nothing is lost.

        """
        behind = [envelope]  # on top what comes first; no recursion: a chain may be as long as the backlog
        while True:
            current = behind[-1]
            unfinished = self._unfinished(current.command)
            own = self._own(current.command_id, unfinished)
            earlier = [] if own is None else [e for e in unfinished if e.accepted_ts < own.accepted_ts]
            if earlier:
                behind.extend(entry.envelope for entry in reversed(earlier))
                continue
            behind.pop()
            if not behind:
                return None if own is None else self._attempt(own)
            if own is not None:
                self._help(own)

    def _own(self, command_id: str, unfinished: list[Entry]) -> Entry | None:
        for entry in unfinished:
            if entry.command_id == command_id:
                return entry
        found = self._inbox.find(command_id)  # finished, or behind more than one page of others
        return None if found is None or found.finished else found

    def _help(self, entry: Entry) -> None:
        try:
            self._attempt(entry)
        except Exception as error:
            current = self._inbox.find(entry.command_id)
            if current is not None and not current.finished:
                raise EarlierUnfinishedError(entry.command_id) from error

    def _attempt(self, entry: Entry) -> Outcome:
        """Handle one command whose turn it is; what keeps raising is kept as failed for an operator."""
        began = time.time()
        try:
            outcome = self._decided(entry)
        except Exception as error:
            if is_transient(error):
                raise
            attempts = self._inbox.count_attempt(entry.command_id, repr(error))
            if attempts < self._max_attempts:
                raise
            outcome = self._last_word(entry, error)
        self._finish((entry.command_id, outcome))
        self._bell.ring(outcome, entry.command_id)
        self._telemetry.handled(entry, outcome, began)
        return outcome

    def _last_word(self, entry: Entry, error: Exception) -> Outcome:
        """Failed, unless the log holds an outcome all the same: what raised may come after the insert."""
        commit = self._log.of_command(entry.partition, entry.command_id)
        if commit is None:
            return outcomes.failed(entry, error)
        return outcomes.of_commit(commit, entry.envelope.command.stream)

    def _decided(self, entry: Entry) -> Outcome:
        conflicts = Retrying(
            retry=retry_if_exception_type(VersionConflictError),
            wait=wait_random_exponential(multiplier=0.002, max=0.1),
            stop=stop_after_attempt(CONFLICT_TRIES),
            reraise=True,
        )
        commit = conflicts(self._beats, entry)
        return outcomes.of_commit(commit, entry.envelope.command.stream)

    def _beats(self, entry: Entry) -> Commit:
        own, *others = self._load(entry)
        if own is not None and own.command_id == entry.command_id:
            return own
        decision = _decide(entry, own, others)
        return self._appended(decision)

    def _load(self, entry: Entry) -> list[Commit | None]:
        """The aggregate and the others it takes facts from, as they are now.

        It comes before "skip if done": a redelivery must meet its own commit.
        """
        command = entry.envelope.command
        partitions = self._log.partitions
        facts = [(partition_of(stream, partitions), stream) for stream in command.fact_streams]
        return self._newest([(entry.partition, command.stream), *facts])

    def _appended(self, decision: Decision) -> Commit:
        """Append, or find what somebody else appended for this command.

        Raises:
            VersionConflictError: load again and decide again.

        """
        try:
            return self._append(decision)
        except AlreadyCommittedError:
            commit = self._log.of_command(decision.partition, decision.command_id)
            if commit is None:
                raise
            return commit


def _decide(entry: Entry, own: Commit | None, others: Sequence[Commit | None]) -> Decision:
    """What the command comes to, as the document that is to be appended."""
    envelope = entry.envelope
    aggregate = aggregate_for(envelope.command)
    state = aggregate.state.model_validate(own.state) if own else None
    version = (own.version or 0) if own else 0
    decided = outcomes.with_precondition(
        aggregate.decide(state, envelope.command, _facts(envelope, others)),
        envelope.expected_versions,
        version,
    )
    if isinstance(decided, Rejection) or not decided:
        quiet = decided if isinstance(decided, Rejection) else None
        return _decision(entry, outcome=outcomes.without_commit(entry, quiet, version))
    after = fold(aggregate, state, decided)
    return _decision(
        entry,
        stream=envelope.command.stream,
        version=version + 1,
        events=tuple(map(to_stored, decided)),
        state=after.model_dump() if after else None,
    )


def _facts(envelope: CommandEnvelope, others: Sequence[Commit | None]) -> Facts:
    """What the decision may know, from the newest commits of the command's fact streams."""
    customer = None
    products = {}
    for stream, commit in zip(envelope.command.fact_streams, others, strict=True):
        aggregate = aggregate_of(stream)
        state = aggregate.state.model_validate(commit.state) if commit else None
        if aggregate.name == "customer":
            customer = state
        else:
            products[id_of(stream)] = state
    return Facts(at=envelope.accepted_at, by=envelope.by, customer=customer, products=products)


def _decision(entry: Entry, **effect: Any) -> Decision:
    """A decision about an entry: who, when and why are the same for every effect."""
    envelope = entry.envelope
    common: Mapping[str, Any] = {
        "partition": entry.partition,
        "command_id": envelope.command_id,
        "correlation_id": envelope.correlation_id,
        "at": envelope.accepted_at,
        "by": str(envelope.by),
        "traceparent": envelope.traceparent,
    }
    return Decision(**common, **effect)
