"""The record of a command: the inbox has it until the command is finished, and then the log.

A finished command leaves the inbox. The log has its type, its stream, its caller, its times, and
the digest of the request that brought it, for ever. So the log is the idempotency record. A repeat
cannot slip between the two. It is put into the inbox first, which refuses it while the command is
there. After that it is looked for in the log. A command leaves the inbox only once the log has it.
All of this is read in one causal session, so no failover hides what was acknowledged.

A failed command is in both: the inbox keeps it for an operator
(``bus.dead_letters.failed_commands``).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from bus.connections.clients import StoredDocument, causal, read_barrier
from bus.inbox.inbox import Inbox, InboxEntry
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command, and its outcome if it is finished."""

    command_id: str
    type: str
    stream: str
    partition: int
    by: str
    """The role and the subject of the caller, as ``staff:ann``."""
    accepted_at: datetime
    request: str | None
    """The digest of the request that brought it, under an ``Idempotency-Key``."""
    outcome: Outcome | None = None
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.outcome is not None

    @property
    def status(self) -> CommandStatus:
        return self.outcome.status if self.outcome else CommandStatus.ACCEPTED

    @classmethod
    def of_entry(cls, entry: InboxEntry, commit: Commit | None) -> "CommandRecord":
        """Return the record of a command in the inbox; the log has its commit once it is decided.

        A failure in the log counts only as long as the inbox has it too, because an operator's
        retry begins in the inbox.
        """
        if commit is not None and entry.outcome is None:
            decided = cls.of_commit(commit)
            if decided.status is not CommandStatus.FAILED:
                return decided
        return CommandRecord(
            command_id=entry.command_id,
            type=entry.envelope.command.type,
            stream=entry.outcome.stream if entry.outcome else entry.envelope.command.stream,
            partition=entry.outcome.partition if entry.outcome else entry.partition,
            by=str(entry.envelope.by),
            accepted_at=entry.envelope.accepted_at,
            request=entry.request,
            outcome=entry.outcome,
            finished_at=entry.finished_at,
        )

    @classmethod
    def of_commit(cls, commit: Commit) -> "CommandRecord":
        """Return the record of a command that the log has."""
        outcome = outcome_of(commit)
        if commit.command_id is None or commit.type is None or commit.by is None or commit.at is None:
            raise ValueError(f"nothing was decided at {commit.partition}/{commit.seq}")
        return CommandRecord(
            command_id=commit.command_id,
            type=commit.type,
            stream=outcome.stream,
            partition=commit.partition,
            by=commit.by,
            accepted_at=commit.at,
            request=commit.request,
            outcome=outcome,
            finished_at=commit.decided_at,
        )


class CommandRecords:
    """The records of one write database."""

    def __init__(self, database: Database[StoredDocument], inbox: Inbox, log: Log) -> None:
        self._database = database
        self._inbox = inbox
        self._log = log

    def accept_all(
        self, accepted: Sequence[tuple[CommandEnvelope, str | None]]
    ) -> list[CommandRecord | None]:
        """Keep commands with their requests' digests; once this returns, they survive everything.

        Returns ``None`` for each new command, else the record of the command that has its id
        already. That is the same request again, or another request under the same key if
        ``request`` differs.
        """
        with causal(self._database) as session:
            new = self._inbox.accept_all(accepted, session)
            known: list[CommandRecord | None] = [None] * len(accepted)
            refused = [place for place, is_new in enumerate(new) if not is_new]
            if refused:
                found = self._find([accepted[place][0].command_id for place in refused], session)
                if None in found:
                    raise AutoReconnect("a command of the same id was taken back by a failover")
                for place, record in zip(refused, found, strict=True):
                    known[place] = record
            keyed = [place for place, is_new in enumerate(new) if is_new and accepted[place][1] is not None]
            decided = self._decided({}, [accepted[place][0].command_id for place in keyed], session)
            if decided:
                self._inbox.withdraw(list(decided))
            for place in keyed:
                if (commit := decided.get(accepted[place][0].command_id)) is not None:
                    known[place] = CommandRecord.of_commit(commit)
        return known

    def find(self, command_id: str) -> CommandRecord | None:
        """Return the record of a command, as it is settled."""
        return self.find_all([command_id])[0]

    def find_all(self, command_ids: Sequence[str]) -> list[CommandRecord | None]:
        """Find several commands at once; return their records in the order asked for."""
        with causal(self._database) as session:
            return self._find(command_ids, session)

    def find_now(self, command_id: str) -> CommandRecord | None:
        """Find a command; return ``None`` only if none of its id was acknowledged before the call.

        A new primary does not show at once all that the one before it has acknowledged.
        """
        return self.find(command_id) or self.find_latest(command_id)

    def find_latest(self, command_id: str) -> CommandRecord | None:
        """Find a command; its record is no older than what was acknowledged before the call.

        This costs one durable write more than ``find``.
        """
        with causal(self._database) as session:
            read_barrier(self._database, session)
            return self._find([command_id], session)[0]

    def newest(self, status: CommandStatus, limit: int) -> list[CommandRecord]:
        """Return a status's newest commands, newest first, as far as this build can read them."""
        if status is CommandStatus.ACCEPTED:
            found = self._records(self._inbox.newest(limit), None)
            return [record for record in found if record.status is status]
        records = []
        for commit in self._log.decided(status, limit):
            with suppress(ValidationError):
                records.append(CommandRecord.of_commit(commit))
        return records

    def _find(self, command_ids: Sequence[str], session: ClientSession | None) -> list[CommandRecord | None]:
        entries = self._inbox.find_all(command_ids, session)
        found = {record.command_id: record for record in self._records(entries, session)}
        left = [command_id for command_id in command_ids if command_id not in found]
        for command_id, commit in self._decided({}, left, session).items():
            found[command_id] = CommandRecord.of_commit(commit)
        return [found.get(command_id) for command_id in command_ids]

    def _records(self, entries: Sequence[InboxEntry], session: ClientSession | None) -> list[CommandRecord]:
        unfinished: defaultdict[int, list[str]] = defaultdict(list)
        repeated: list[str] = []
        for entry in entries:
            if entry.finished:
                continue
            if entry.request is None:
                unfinished[entry.partition].append(entry.command_id)
            else:  # perhaps a repeat, whose partition may be another one than the first's
                repeated.append(entry.command_id)
        decided = self._decided(unfinished, repeated, session)
        return [CommandRecord.of_entry(entry, decided.get(entry.command_id)) for entry in entries]

    def _decided(
        self,
        of_partitions: Mapping[int, Sequence[str]],
        anywhere: Sequence[str],
        session: ClientSession | None,
    ) -> dict[str, Commit]:
        log = self._log.within(session)
        return {**log.of_commands(of_partitions), **log.of_commands_anywhere(anywhere)}


def outcome_of(commit: Commit) -> Outcome:
    """Return the outcome that a document of the log stands for, the same for every reader.

    Its stream is the commit's, whatever stream the asking command was accepted for.
    """
    if commit.stream is not None:
        return Outcome(
            status=CommandStatus.SUCCEEDED,
            stream=commit.stream,
            partition=commit.partition,
            seq=commit.seq,
            version=commit.version,
            total=_total(commit),
        )
    refusal: Mapping[str, Any] = commit.outcome or {}
    return Outcome.from_stored({**refusal, "seq": commit.seq})


def _total(commit: Commit) -> int | None:
    placed = commit.version == 1 and commit.state is not None and "total" in commit.state
    return commit.state["total"] if placed and commit.state else None
