"""Handles commands in the order they were accepted, wherever one depends on another.

A command waits until all earlier accepted commands that it depends on are finished. It depends on
those that change its own stream or a stream it takes facts from, and on those that take facts from
its own stream. So its outcome is as if each command were handled before the next was accepted. The
handler asks the inbox for these earlier ones. Those in flight here are in the same batch
(``write_side.handling.in_flight``). The others are with another worker, or lost on their way. For
``help_after_s`` that worker may finish them, and what depends on them waits; then they are handled
here too. Dependencies point only backwards in the inbox's order, so this ends. The loser of a race
finds the work done. All is read in one causal session. So what the inbox shows as finished is in
the log that is decided on, through any change of the primary.

The five steps, load, skip if done, decide, append and ring, are in ``decider`` and ``isolation``.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Self

from bson import Timestamp
from pymongo.client_session import ClientSession

from bus.inbox.attempts import Attempts
from bus.inbox.command_records import outcome_of
from bus.inbox.inbox import Earlier, Inbox, InboxEntry, Related
from bus.log.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import Outcome
from bus.messages.streams import partition_of
from bus.observability.metrics import Metrics
from write_side.errors import EarlierUnfinishedError
from write_side.handling.announcer import Announcer
from write_side.handling.decider import Decider
from write_side.handling.in_flight import BATCH, BlockingCommands, CommandBatch, InFlight
from write_side.handling.isolation import Isolation
from write_side.handling.telemetry import CommandTelemetry
from write_side.handling.transience import is_transient

SETTLED_S = 5.0
"""After so many seconds the inbox no longer shows what has left it: mostly it takes 100 ms."""

Handled = Outcome | Exception
"""The outcome of a command, or the error that handling it raised."""


class CommandHandler:
    """Takes the commands of one worker to their outcomes; not for several threads."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        log: Log,
        inbox: Inbox,
        attempts: Attempts,
        announcer: Announcer,
        max_errors: int,
        telemetry: CommandTelemetry | None = None,
        help_after_s: float = 0.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make the handler; ``now`` tells the time as the write database has it."""
        told = telemetry or CommandTelemetry(Metrics())  # else nobody is told
        self._log = log
        self._inbox = inbox
        self._help_after_s = help_after_s
        self.decider = Decider(log, told, now)
        self.isolation = Isolation(inbox, attempts, self.decider, announcer, max_errors, told)
        self.in_flight = InFlight()
        self._finished: OrderedDict[str, float] = OrderedDict()
        """The commands finished lately, and when: the inbox shows them until that is settled."""
        self._met: dict[str, float] = {}
        """The time at which each command not in flight here was first found to be in the way."""
        self._is_a_suspects_turn = False
        self._reading: AbstractContextManager[ClientSession | None] | None = None
        self._session: ClientSession | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def __call__(self, envelope: CommandEnvelope) -> Outcome | None:
        """Handle a command, after the commands that it depends on.

        Returns its outcome, or ``None`` if there was nothing left to do: it is finished, or was
        never accepted.

        Raises:
            VersionConflictError, EarlierUnfinishedError, BusyError, and what MongoDB raises while
            it is away: to be tried again later; nothing is lost.

        """
        command_id = envelope.command_id
        with self:
            self.take([command_id])
            while command_id in self.in_flight:
                for entry, handled in self.turn():
                    if entry.command_id != command_id:
                        continue
                    if isinstance(handled, Exception):
                        raise handled
                    return handled
            return None

    def take(self, command_ids: Sequence[str]) -> list[str]:
        """Take commands in flight; return the others, for which there is nothing to do."""
        entries = self._inbox.unfinished(command_ids, self._in_session())
        unfinished = [entry for entry in entries if not self._is_finished(entry.command_id)]
        self.in_flight.add(unfinished)
        return [command_id for command_id in command_ids if command_id not in self.in_flight]

    def let_go(self) -> list[str]:
        """Forget what is in flight, and the session that it was read in; return the ids."""
        self._met.clear()
        if self._reading is not None:
            reading, self._reading, self._session = self._reading, None, None
            reading.__exit__(None, None, None)
        return self.in_flight.clear()

    def turn(self) -> list[tuple[InboxEntry, Handled]]:
        """Handle a batch of what is in flight; return each that is done with, and its result.

        The list is empty if what is in flight waits for other workers. Raises what MongoDB raises
        while it is away; then all is in flight still.
        """
        batch = self._ready()
        if not batch:
            return []
        session = self._in_session()
        suspect, others = self._apart(batch)
        results: Sequence[Handled]
        if suspect is not None and (self._is_a_suspects_turn or not others):
            self._is_a_suspects_turn = False
            others, results = [suspect], [self._alone(suspect, session)]
        else:
            self._is_a_suspects_turn = suspect is not None
            results = self._together(others, session)
        handled = _without_those_let_through(list(zip(others, results, strict=True)))
        self.in_flight.remove(entry.command_id for entry, _ in handled)
        self._remember(e.command_id for e, r in handled if not isinstance(r, Exception) and not r.is_failure)
        return handled

    def _apart(self, batch: Sequence[InboxEntry]) -> tuple[InboxEntry | None, Sequence[InboxEntry]]:
        """Split a batch into a suspect to try alone and the commands to decide together.

        The suspect is the first without a dependency in the batch; the others depend on no suspect.
        At least one of the two is there. They take turns, so neither waits for the other's end.
        """
        before, suspects = BlockingCommands(), BlockingCommands()
        first: InboxEntry | None = None
        others = []
        for entry in batch:
            command = entry.envelope.command
            if suspects.blocks(command):
                suspects.add(command)
            elif self.isolation.is_suspect(entry):
                suspects.add(command)
                if first is None and not before.blocks(command):
                    first = entry
            else:
                others.append(entry)
            before.add(command)
        return first, others

    def _together(self, entries: Sequence[InboxEntry], session: ClientSession | None) -> Sequence[Handled]:
        """Return what became of each; after an error that does not pass, try each by itself."""
        try:
            return self.isolation.together(entries, session)
        except Exception as error:
            if is_transient(error):
                raise
            if len(entries) == 1:
                return [error]
        results: list[Handled] = []
        failed = BlockingCommands()
        for entry in entries:
            if failed.blocks(entry.envelope.command):
                results.append(EarlierUnfinishedError(entry.command_id))
            else:
                results += self._together([entry], session)
            if isinstance(results[-1], Exception):
                failed.add(entry.envelope.command)
        return results

    def _alone(self, suspect: InboxEntry, session: ClientSession | None) -> Handled:
        try:
            return self.isolation.alone(suspect, session)
        except Exception as error:  # noqa: BLE001 - it is this command's
            return error

    def _ready(self) -> Sequence[InboxEntry]:
        """Return the next batch, without what has to wait for commands elsewhere."""
        while (batch := self.in_flight.batch()).entries:
            limit = BATCH + batch.passed_over_count
            found = self._inbox.earlier(_related(batch), limit, self._in_session())
            elsewhere = self._unfinished_elsewhere(found)
            if not elsewhere and len(found) < limit:
                self._met.clear()
                return batch.entries
            overdue = self._overdue(elsewhere)
            helped = self._inbox.unfinished(overdue, self._in_session()) if overdue else []
            if not helped:
                end = found[-1].accepted_ts if len(found) == limit else None
                return _not_waiting(batch.entries, elsewhere, end)
            self.in_flight.add(helped)
        return ()

    def _unfinished_elsewhere(self, found: Sequence[Earlier]) -> list[Earlier]:
        """Return those not in flight here that have no outcome in the log, or only a failure."""
        unknown = [
            earlier
            for earlier in found
            if earlier.command_id not in self.in_flight and not self._is_finished(earlier.command_id)
        ]
        if not unknown:
            return []
        of_partition: defaultdict[int, list[str]] = defaultdict(list)
        for earlier in unknown:
            of_partition[partition_of(earlier.stream, self._log.partitions)].append(earlier.command_id)
        decided = self._log.within(self._in_session()).of_commands(of_partition)
        # An operator's retry of a failed one begins in the inbox before its failure leaves the log.
        self._remember(one for one, commit in decided.items() if not outcome_of(commit).is_failure)
        return [earlier for earlier in unknown if not self._is_finished(earlier.command_id)]

    def _remember(self, command_ids: Iterable[str]) -> None:
        now = time.monotonic()
        self._finished.update(dict.fromkeys(command_ids, now))
        while self._finished and now - next(iter(self._finished.values())) > SETTLED_S:
            self._finished.popitem(last=False)

    def _is_finished(self, command_id: str) -> bool:
        """Return True if it finished within ``SETTLED_S``.

        If the inbox still lists it afterwards, that update was lost and is repeated.
        """
        return time.monotonic() - self._finished.get(command_id, float("-inf")) <= SETTLED_S

    def _overdue(self, elsewhere: Sequence[Earlier]) -> list[str]:
        now = time.monotonic()
        self._met = {one.command_id: self._met.get(one.command_id, now) for one in elsewhere}
        return [command_id for command_id, met in self._met.items() if now - met >= self._help_after_s]

    def _in_session(self) -> ClientSession | None:
        """Return one session for all in flight: what comes before a command is read after it."""
        if self._reading is None:
            self._reading = self._inbox.session()
            self._session = self._reading.__enter__()
        return self._session


def _related(batch: CommandBatch) -> list[Related]:
    """Return the inbox queries for earlier commands that the batch depends on.

    Commands of the batch that share a stream with skipped ones get a query of their own, bounded by
    the last of these commands, so that a burst of skipped commands is not listed for each batch.
    """
    crowded: list[InboxEntry] = []
    others: list[InboxEntry] = []
    for entry in batch.entries:
        command = entry.envelope.command
        keys = {command.stream, *command.fact_streams}
        is_crowded = command.stream in batch.passed_over.read or not keys.isdisjoint(
            batch.passed_over.changed
        )
        (crowded if is_crowded else others).append(entry)
    return [_related_to(entries) for entries in (crowded, others) if entries]


def _related_to(entries: Sequence[InboxEntry]) -> Related:
    changed = frozenset(entry.envelope.command.stream for entry in entries)
    touched = changed.union(*(entry.envelope.command.fact_streams for entry in entries))
    return Related(touched, changed, entries[-1].accepted_ts)


def _not_waiting(
    entries: Sequence[InboxEntry], elsewhere: Sequence[Earlier], end: Timestamp | None
) -> Sequence[InboxEntry]:
    """Return the entries that depend on nothing elsewhere; beyond ``end`` not all was listed."""
    waiting = BlockingCommands()
    for earlier in elsewhere:
        waiting.add_earlier(earlier)
    ready = []
    for entry in entries:
        command = entry.envelope.command
        if waiting.blocks(command) or (end is not None and entry.accepted_ts > end):
            waiting.add(command)
        else:
            ready.append(entry)
    return ready


def _without_those_let_through(handled: list[tuple[InboxEntry, Handled]]) -> list[tuple[InboxEntry, Handled]]:
    """If all errors name unfinished predecessors, leave these commands out: they are tried next."""
    errors = [result for _, result in handled if isinstance(result, Exception)]
    if all(isinstance(error, EarlierUnfinishedError) for error in errors):
        return [(entry, result) for entry, result in handled if not isinstance(result, Exception)]
    return handled
