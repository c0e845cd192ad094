"""The inbox: accepted commands, in the ``commands`` collection, kept before anything is enqueued.

It is the safety net, and small. A finished command leaves it, since the log has it
(``bus.inbox.command_records``); a failed one stays until an operator has acted. Its order is
``accepted_ts``, which mongod itself fills in, so the clocks of API hosts do not matter.

A failover may take back an entry that is not settled, so a handler must not decide on it. The
handler reads only settled entries, within one causal session (``connections.causal``): first
whether its own entries are there, then the entries before them. What was acknowledged before an
entry was accepted is there wherever the entry is.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bson import Timestamp
from pydantic import ValidationError
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from bus.connections.clients import DUPLICATE_KEY, DURABLE, SETTLED, UNSETTLED, StoredDocument, causal
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.streams import partition_of
from bus.observability.logs import logger

BEFORE_ALL = Timestamp(0, 1)
"""A place in the order before every command's."""

_WAITING = {"status": CommandStatus.ACCEPTED.value}
_FAILED = {"status": CommandStatus.FAILED.value}
_NO_LONGER_OPEN = {"status": {"$in": [CommandStatus.ACCEPTED.value, CommandStatus.FAILED.value]}}
"""Matches a command that the log has an outcome of, though it was given up here before."""
_NEVER_RESOLVED: StoredDocument = {"resolutions": {"$exists": False}}
_RESOLVED: StoredDocument = {"resolutions": {"$exists": True}}
"""Matches a command that an operator has acted on."""

OF_CALLER = ("envelope.by.subject", "envelope.by.role", "envelope.by.issuer", "status")
"""The index that counts a caller's commands; it has the status, so that no document is read."""
INDEXES = (
    IndexModel([("stream", ASCENDING), ("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("reads", ASCENDING), ("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("finished_at", ASCENDING)], partialFilterExpression=_FAILED),
    IndexModel([("stream", ASCENDING), ("finished_at", ASCENDING)], partialFilterExpression=_FAILED),
    IndexModel([(field, ASCENDING) for field in OF_CALLER], partialFilterExpression=_WAITING),
)
"""All are partial on what is unfinished or failed, so they stay as small as the backlog."""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A command in the inbox. ``request`` is the digest of the request that brought it."""

    envelope: CommandEnvelope
    partition: int
    status: CommandStatus
    accepted_ts: Timestamp
    request: str | None
    outcome: Outcome | None
    finished_at: datetime | None
    attempts: int = 0
    """Attempts to handle it that were begun and have not ended, or ended in an error."""
    errors: int = 0
    """Attempts that ended in an error."""

    @property
    def command_id(self) -> str:
        return self.envelope.command_id

    @property
    def finished(self) -> bool:
        return self.status is not CommandStatus.ACCEPTED

    @property
    def open_attempts(self) -> int:
        """The attempts that have not reported: under way somewhere, or their process died."""
        return self.attempts - self.errors

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> Self:
        outcome = stored["outcome"]
        return cls(
            envelope=CommandEnvelope.from_stored(stored["envelope"]),
            partition=stored["partition"],
            status=CommandStatus(stored["status"]),
            accepted_ts=stored["accepted_ts"],
            request=stored["request"],
            outcome=Outcome.from_stored(outcome) if outcome else None,
            finished_at=stored["finished_at"],
            attempts=stored["attempts"],
            errors=stored.get("errors", 0),
        )


@dataclass(frozen=True, slots=True)
class Related:
    """A question to the inbox: the commands of certain streams, accepted before a place."""

    touched: frozenset[str]
    """It asks for commands that change one of these."""
    changed: frozenset[str]
    """It also asks for commands that take facts from one of these."""
    before: Timestamp


@dataclass(frozen=True, slots=True)
class Earlier:
    """An unfinished command that others depend on: the stream it changes, and those it reads."""

    command_id: str
    accepted_ts: Timestamp
    stream: str
    reads: tuple[str, ...]


class Inbox:
    """The inbox in one write database."""

    def __init__(self, database: Database[StoredDocument], partitions: int) -> None:
        self._partitions = partitions
        self._database = database
        self._commands = database.get_collection("commands", write_concern=DURABLE, read_concern=SETTLED)
        self._hasty = self._commands.with_options(write_concern=WriteConcern(w=1))

    def create(self) -> None:
        """Make the indexes; idempotent."""
        self._commands.create_indexes(list(INDEXES))

    def session(self) -> AbstractContextManager[ClientSession | None]:
        """Return a causal session of the inbox's database, for decisions on what the inbox says."""
        return causal(self._database)

    def accept_all(
        self, accepted: Sequence[tuple[CommandEnvelope, str | None]], session: ClientSession | None = None
    ) -> list[bool]:
        """Keep commands with their requests' digests; once this returns, they survive everything.

        Returns True for each that is new. The others are not kept, as their ids are there already.
        """
        documents = [self._document(envelope, request) for envelope, request in accepted]
        new = [True] * len(documents)
        try:
            self._commands.insert_many(documents, ordered=False, session=session)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise
            for write_error in error.details["writeErrors"]:
                if write_error["code"] != DUPLICATE_KEY:
                    raise
                new[write_error["index"]] = False
        return new

    def withdraw(self, command_ids: Sequence[str]) -> None:
        """Delete commands that should not have been accepted: the log has commands of these ids."""
        self._hasty.delete_many({"_id": {"$in": list(command_ids)}, **_WAITING})

    def _document(self, envelope: CommandEnvelope, request: str | None) -> StoredDocument:
        stream = envelope.command.stream
        return {
            "_id": envelope.command_id,
            "accepted_ts": Timestamp(0, 0),
            "type": envelope.command.type,
            "stream": stream,
            "reads": envelope.command.fact_streams,
            "partition": partition_of(stream, self._partitions),
            "envelope": envelope.to_stored(),
            "request": request,
            "status": CommandStatus.ACCEPTED,
            "attempts": 0,
            "outcome": None,
            "finished_at": None,
        }

    def find(self, command_id: str, session: ClientSession | None = None) -> InboxEntry | None:
        stored = self._commands.find_one({"_id": command_id}, session=session)
        return InboxEntry.from_stored(stored) if stored else None

    def find_all(self, command_ids: Sequence[str], session: ClientSession | None = None) -> list[InboxEntry]:
        """Return the entries of those commands that are here, in no order."""
        found = self._commands.find({"_id": {"$in": list(command_ids)}}, session=session)
        return [InboxEntry.from_stored(stored) for stored in found]

    def unfinished(
        self, command_ids: Sequence[str], session: ClientSession | None = None
    ) -> list[InboxEntry]:
        """Return the entries of those commands that have no outcome, in the order of acceptance."""
        found = self._commands.find({**_WAITING, "_id": {"$in": list(command_ids)}}, session=session)
        return self._readable(found.sort("accepted_ts", ASCENDING))

    def still_unfinished(self, command_ids: Sequence[str]) -> list[str]:
        """Return the ids without an outcome on the primary, settled or not, the earliest first."""
        unsettled = self._commands.with_options(read_concern=UNSETTLED)
        found = unsettled.find({**_WAITING, "_id": {"$in": list(command_ids)}}, {"_id": True})
        return [stored["_id"] for stored in found.sort("accepted_ts", ASCENDING)]

    def earlier(
        self, related: Sequence[Related], limit: int, session: ClientSession | None = None
    ) -> list[Earlier]:
        """Return the earliest unfinished commands that others depend on, at most ``limit``."""
        clauses: list[StoredDocument] = []
        for one in related:
            before = {"accepted_ts": {"$lt": one.before}}
            clauses += [
                {"stream": {"$in": sorted(one.touched)}, **before},
                {"reads": {"$in": sorted(one.changed)}, **before},
            ]
        if not clauses:
            return []
        fields = {"accepted_ts": True, "stream": True, "reads": True}
        found = self._commands.find({**_WAITING, "$or": clauses}, fields, session=session)
        return [
            Earlier(stored["_id"], stored["accepted_ts"], stored["stream"], tuple(stored["reads"]))
            for stored in found.sort("accepted_ts", ASCENDING).limit(limit)
        ]

    def unfinished_since(
        self, last: Timestamp, limit: int, *, after: Timestamp = BEFORE_ALL
    ) -> dict[str, Timestamp]:
        """Return the first unfinished commands between two places in the order: ids with places."""
        where = {**_WAITING, "accepted_ts": {"$gt": after, "$lte": last}}
        found = self._commands.find(where, {"accepted_ts": True})
        return {s["_id"]: s["accepted_ts"] for s in found.sort("accepted_ts", ASCENDING).limit(limit)}

    def newest(self, limit: int) -> list[InboxEntry]:
        """Return the last accepted unfinished commands, as far as this build can read them."""
        entries = []
        for stored in self._commands.find(_WAITING).sort("accepted_ts", DESCENDING).limit(limit):
            with suppress(ValidationError):
                entries.append(InboxEntry.from_stored(stored))
        return entries

    def newest_unfinished(self) -> Timestamp | None:
        """Return the place in the order of the last command that has no outcome."""
        last = self._commands.find_one(_WAITING, {"accepted_ts": True}, sort=[("accepted_ts", DESCENDING)])
        return last["accepted_ts"] if last else None

    def _readable(self, found: Iterable[StoredDocument]) -> list[InboxEntry]:
        """Return the entries; keep as failed each whose type or version this build does not know.

        It could only hold up those behind it. An operator retries it once a build knows it.
        """
        entries = []
        for stored in found:
            try:
                entries.append(InboxEntry.from_stored(stored))
            except ValidationError as error:
                outcome = Outcome(
                    status=CommandStatus.FAILED,
                    stream=stored["stream"],
                    partition=stored["partition"],
                    error=f"unreadable: {error}",
                )
                logger.error("a command cannot be read", command_id=stored["_id"], type=stored["type"])
                self.finish_all([(stored["_id"], outcome)], {stored["_id"]: stored["accepted_ts"]})
        return entries

    def finish_all(
        self, outcomes: Sequence[tuple[str, Outcome]], accepted: Mapping[str, Timestamp] | None = None
    ) -> None:
        """Note the outcomes of commands: those with an outcome in the log leave; the failed stay.

        A killed mongod or a replaced primary may lose that. Then the commands are unfinished again,
        and are found done in the log. ``accepted`` are the places in the order at which commands
        were handled. A failure is noted only while its command has that place: an operator's retry
        gives it another one, so a handler that stalled before the retry does not undo it. A command
        that an operator has acted on stays here, with what was done. No other does, as it might be
        a repeat that came in after the command had left, with ids of its own.
        """
        done = [(one, outcome) for one, outcome in outcomes if outcome.status is not CommandStatus.FAILED]
        failed = [(one, outcome) for one, outcome in outcomes if outcome.status is CommandStatus.FAILED]
        if done:
            where = {"_id": {"$in": [one for one, _ in done]}, **_NO_LONGER_OPEN}
            left = self._hasty.delete_many({**where, **_NEVER_RESOLVED}).deleted_count
            if left < len(done):
                updates = [_finished(*one, {**_NO_LONGER_OPEN, **_RESOLVED}) for one in done]
                self._commands.bulk_write(updates, ordered=False)
        if failed:
            at = accepted or {}
            updates = [_finished(one, outcome, {**_WAITING, **_at(at.get(one))}) for one, outcome in failed]
            self._commands.bulk_write(updates, ordered=False)


def _finished(command_id: str, outcome: Outcome, where: StoredDocument) -> UpdateOne:
    return UpdateOne(
        {"_id": command_id, **where},
        {
            "$set": {"status": outcome.status, "outcome": outcome.model_dump()},
            "$currentDate": {"finished_at": True},
        },
    )


def _at(place: Timestamp | None) -> StoredDocument:
    return {} if place is None else {"accepted_ts": place}
