"""Decides one command in memory, on the log's view of its streams and the decisions just before."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bus.inbox.inbox import InboxEntry
from bus.log.commit import Commit, Decision
from bus.messages.envelope import CommandEnvelope
from bus.messages.registry import to_stored
from bus.messages.rejection import Rejection
from bus.messages.streams import id_of, partition_of
from write_side.domain.aggregates import aggregate_for, aggregate_of, fold
from write_side.domain.facts import Facts
from write_side.handling import outcomes
from write_side.handling.snapshots import Key, Snapshot


class States:
    """The states of a batch's streams, in the log and after the decisions made since."""

    def __init__(self, newest: Mapping[Key, Snapshot], partitions: int, decided_at: datetime) -> None:
        self._newest = newest
        self._decided_at = decided_at
        self._partitions = partitions
        self.left: dict[Key, tuple[Any, int]] = {}
        """The states, with their versions, that decisions of this batch leave."""

    def commit_of(self, entry: InboxEntry) -> Commit | None:
        """Return the commit of a command if it is its stream's newest, else ``None``.

        Ask this after the loading: a redelivery must meet its own commit.
        """
        snapshot = self._newest.get((entry.partition, entry.envelope.command.stream))
        is_own = snapshot is not None and snapshot.commit.command_id == entry.command_id
        return snapshot.commit if snapshot is not None and is_own else None

    def decide(self, entry: InboxEntry) -> Decision:
        """Decide a command; return the document that is to be appended."""
        key = entry.partition, entry.envelope.command.stream
        state, version = self._at(key)
        decision, after = decide_one(entry, state, version, self._facts(entry.envelope), self._decided_at)
        if decision.version is not None:
            self.left[key] = after, decision.version
        return decision

    def _at(self, key: Key) -> tuple[Any, int]:
        if (left := self.left.get(key)) is not None:
            return left
        snapshot = self._newest.get(key)
        return (snapshot.state, snapshot.version) if snapshot is not None else (None, 0)

    def _facts(self, envelope: CommandEnvelope) -> Facts:
        """Return what the decision may know, from the command's fact streams.

        Raises:
            LookupError: one of them is of a kind that ``Facts`` has no field for.

        """
        customer = None
        products = {}
        for stream in envelope.command.fact_streams:
            state, _ = self._at((partition_of(stream, self._partitions), stream))
            match aggregate_of(stream).name:
                case "customer":
                    customer = state
                case "product":
                    products[id_of(stream)] = state
                case kind:
                    raise LookupError(f"a decision knows no {kind}, so {stream} is no fact stream")
        return Facts(at=envelope.accepted_at, by=envelope.by, customer=customer, products=products)


def decide_one(
    entry: InboxEntry, state: Any, version: int, facts: Facts, decided_at: datetime
) -> tuple[Decision, Any]:
    """Decide a command; return the decision, and the aggregate after it."""
    envelope = entry.envelope
    aggregate = aggregate_for(envelope.command)
    decided = outcomes.with_precondition(
        aggregate.decide(state, envelope.command, facts), envelope.expected_versions, version
    )
    if isinstance(decided, Rejection) or not decided:
        quiet = decided if isinstance(decided, Rejection) else None
        return decision_about(
            entry, decided_at, outcome=outcomes.without_events(entry, quiet, version)
        ), state
    after = fold(aggregate, state, decided)
    state_version = aggregate.state.schema_version
    decision = decision_about(
        entry,
        decided_at,
        stream=envelope.command.stream,
        version=version + 1,
        events=tuple(map(to_stored, decided)),
        state=after.model_dump() if after else None,
        state_v=state_version if state_version > 1 else None,
    )
    return decision, after


def decision_about(entry: InboxEntry, decided_at: datetime, **effect: Any) -> Decision:
    """Return a decision about an entry; who, when and why are the same for every effect."""
    envelope = entry.envelope
    common: Mapping[str, Any] = {
        "partition": entry.partition,
        "command_id": envelope.command_id,
        "type": envelope.command.type,
        "request": entry.request,
        "correlation_id": envelope.correlation_id,
        "at": envelope.accepted_at,
        "decided_at": decided_at,
        "by": str(envelope.by),
        "traceparent": envelope.traceparent,
    }
    return Decision(**common, **effect)
