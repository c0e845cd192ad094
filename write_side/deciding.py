"""What happens to one command whose turn it is: load, skip if done, decide, append.

The one insert of ``append`` decides what a command came to, whoever else handles it at the same time;
everything before it is read-only. So a handler may be killed anywhere, and any number of handlers may be
given the same command.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from bus.commit import Commit, Decision
from bus.errors import AlreadyCommittedError, VersionConflictError
from bus.group_commit import GroupCommit
from bus.inbox import Entry
from bus.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.events import to_stored
from bus.messages.rejection import Rejection
from bus.messages.streams import id_of, partition_of
from write_side import outcomes
from write_side.aggregates import aggregate_for, aggregate_of, fold
from write_side.facts import Facts
from write_side.snapshots import Snapshots
from write_side.telemetry import Telemetry
from write_side.transience import is_transient

CONFLICT_TRIES = 20
"""In place, some milliseconds apart: a conflict is an everyday race, not worth a trip through the queue."""


class Deciding:
    """The beats up to the append; threads that want the same at the same time go to the log together."""

    def __init__(self, log: Log, telemetry: Telemetry) -> None:
        self._log = log
        self.newest = GroupCommit(telemetry.metrics.batches("load", Snapshots(log).load), shared=is_transient)
        self.append = GroupCommit(telemetry.appends(log.append), shared=is_transient)

    def __call__(self, entry: Entry) -> Commit:
        """The commit that says what a command came to, made now or found.

        Raises:
            VersionConflictError: others were faster, again and again.
            AlreadyCommittedError: the log has its commit and does not show it yet.

        """
        conflicts = Retrying(
            retry=retry_if_exception_type(VersionConflictError),
            wait=wait_random_exponential(multiplier=0.002, max=0.1),
            stop=stop_after_attempt(CONFLICT_TRIES),
            reraise=True,
        )
        return conflicts(self._beats, entry)

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
        return self.newest([(entry.partition, command.stream), *facts])

    def _appended(self, decision: Decision) -> Commit:
        """Append, or find what somebody else appended for this command.

        Raises:
            VersionConflictError: load again and decide again.

        """
        try:
            return self.append(decision)
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
