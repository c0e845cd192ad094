"""What happens to commands whose turn it is: load, skip if done, decide, append; several at once.

The one insert of ``append`` decides what a command came to, whoever else handles it at the same time;
everything before it is read-only. So a handler may be killed anywhere, and any number of handlers may be
given the same command. All reads are within the session in which the inbox was looked at, so a decision rests
on no less of the log than the inbox says is finished. Commands that come together are of different streams,
since of two on one stream the later's turn is after the earlier: so each of the beats is one trip for all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymongo.client_session import ClientSession
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from bus.commit import Commit, Decision
from bus.errors import AlreadyCommittedError, VersionConflictError
from bus.inbox import Entry
from bus.log import Appended, Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.events import to_stored
from bus.messages.outcome import Outcome
from bus.messages.rejection import Rejection
from bus.messages.streams import id_of, partition_of
from write_side import outcomes
from write_side.aggregates import aggregate_for, aggregate_of, fold
from write_side.facts import Facts
from write_side.snapshots import Key, Snapshots
from write_side.telemetry import Telemetry
from write_side.transience import is_transient

CONFLICT_TRIES = 20
"""In place, some milliseconds apart: a conflict is an everyday race, not worth a trip through the queue."""

Decided = Commit | Exception
"""What a command came to, or what handling it raised."""


class Deciding:
    """The beats up to the append."""

    def __init__(self, log: Log, telemetry: Telemetry) -> None:
        self._log = log
        self.newest: Callable[[Log, Sequence[Sequence[Key]]], list[list[Commit | None]]] = Snapshots().load
        self.append: Callable[[Sequence[Decision]], list[Appended]] = telemetry.appends(log.append)

    def __call__(self, entries: Sequence[Entry], session: ClientSession | None) -> list[Decided]:
        """For each command the commit that says what it came to, made now or found; or what it raised.

        Among that are ``VersionConflictError``, if others were faster again and again, and
        ``AlreadyCommittedError``, if the log has its commit and does not show it yet. What concerns all of
        them, such as that MongoDB is away, is raised.
        """
        decided: dict[str, Decided] = {}
        conflicts = Retrying(
            retry=retry_if_result(bool),
            wait=wait_random_exponential(multiplier=0.002, max=0.1),
            stop=stop_after_attempt(CONFLICT_TRIES),
            retry_error_callback=_last_result,
        )
        conflicts(self._beats, entries, self._log.within(session), decided)
        return [decided[entry.command_id] for entry in entries]

    def append_outcome(self, entry: Entry, outcome: Outcome) -> Decided:
        """Append what a command came to without a decision; the commit that says it, this or an earlier one.

        Returns what appending it raises, unless the log has a commit all the same. Raises what concerns
        every append, such as that MongoDB is away.
        """
        [appended] = self._append([_decision(entry, outcome=outcome.model_dump())])
        if not isinstance(appended, Exception):
            return appended
        with self._log.now() as log:
            return log.of_command(entry.partition, entry.command_id) or appended

    def _beats(self, entries: Sequence[Entry], log: Log, decided: dict[str, Decided]) -> list[Entry]:
        """Take those that are not decided yet once through the beats; return those that met a conflict."""
        loaded = self._load([entry for entry in entries if _is_open(decided.get(entry.command_id))], log)
        decisions: list[Decision] = []
        for entry, (own, *others) in loaded:
            if own is not None and own.command_id == entry.command_id:
                decided[entry.command_id] = own
                continue
            try:
                decisions.append(_decide(entry, own, others))
            except Exception as error:  # noqa: BLE001 - it is this command's, and harms none beside it
                decided[entry.command_id] = error
        for decision, appended in zip(decisions, self._append(decisions), strict=True):
            decided[decision.command_id] = appended
        return [entry for entry in entries if isinstance(decided[entry.command_id], VersionConflictError)]

    def _load(self, entries: Sequence[Entry], log: Log) -> list[tuple[Entry, list[Commit | None]]]:
        """Of each command the aggregate and the others it takes facts from, as they are now.

        It comes before "skip if done": a redelivery must meet its own commit.
        """
        partitions = log.partitions
        groups = []
        for entry in entries:
            command = entry.envelope.command
            facts = [(partition_of(stream, partitions), stream) for stream in command.fact_streams]
            groups.append([(entry.partition, command.stream), *facts])
        return list(zip(entries, self.newest(log, groups), strict=True))

    def _append(self, decisions: Sequence[Decision]) -> list[Decided]:
        """Append them, or find what somebody else appended for the same command."""
        if not decisions:
            return []
        try:
            appended = self.append(decisions)
        except Exception as error:
            if is_transient(error):
                raise
            if len(decisions) == 1:
                return [error]
            return [
                one for decision in decisions for one in self._append([decision])
            ]  # one bad one fails alone
        return [self._found(*pair) for pair in zip(decisions, appended, strict=True)]

    def _found(self, decision: Decision, appended: Appended) -> Decided:
        if not isinstance(appended, AlreadyCommittedError):
            return appended
        # The insert met a commit that may not be settled yet: it is, once the log as it is now can be read.
        with self._log.now() as log:
            return log.of_command(decision.partition, decision.command_id) or appended


def _is_open(decided: Decided | None) -> bool:
    return decided is None or isinstance(decided, VersionConflictError)


def _last_result(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None


def _decide(entry: Entry, own: Commit | None, others: Sequence[Commit | None]) -> Decision:
    """What the command comes to, as the document that is to be appended."""
    envelope = entry.envelope
    aggregate = aggregate_for(envelope.command)
    state = aggregate.state.from_stored(own.state) if own else None
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
        state = aggregate.state.from_stored(commit.state) if commit else None
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
