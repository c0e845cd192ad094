"""The inbox: every accepted command, in the ``commands`` collection, kept before anything is enqueued.

It is the idempotency record, the status resource and the safety net. Its order is ``accepted_ts``, which
mongod itself fills in, so the clocks of API hosts do not matter. What a command came to is decided by the
log alone; the inbox only copies it.

Nothing is decided or told that a failover may take back. So only settled entries are read, and a handler
reads within one causal session (``connections.causal``): first whether its own entries are there, then the
entries before them. What was acknowledged before an entry was accepted is there wherever the entry is.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bson import Timestamp
from pydantic import ValidationError
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from bus.connections import DUPLICATE_KEY, DURABLE, SETTLED, Documents, causal, read_barrier
from bus.entries_by_stream import EntriesByStream
from bus.logs import logger
from bus.messages.commands.command import Command
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.streams import partition_of

PAGE = 100
"""How many unfinished commands are looked at together; more of them are looked at page by page."""

BEFORE_ALL = Timestamp(0, 1)
"""A place in the order before every command's."""

_WAITING = {"status": CommandStatus.ACCEPTED.value}
_FAILED = {"status": CommandStatus.FAILED.value}

INDEXES = (
    IndexModel([("stream", ASCENDING), ("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("reads", ASCENDING), ("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("finished_at", ASCENDING)], partialFilterExpression=_FAILED),
    IndexModel([("stream", ASCENDING), ("finished_at", ASCENDING)], partialFilterExpression=_FAILED),
)
"""All partial on what is unfinished or failed, so they stay as small as the backlog."""


@dataclass(frozen=True, slots=True)
class Entry:
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
    """Those that ended in an error."""

    @property
    def command_id(self) -> str:
        return self.envelope.command_id

    @property
    def finished(self) -> bool:
        return self.status is not CommandStatus.ACCEPTED

    @property
    def open_attempts(self) -> int:
        """Attempts of which nothing was heard: under way somewhere, or their process died."""
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


class Inbox:
    """The inbox in one write database."""

    def __init__(self, database: Database[Documents], partitions: int) -> None:
        self._partitions = partitions
        self._database = database
        self._commands = database.get_collection("commands", write_concern=DURABLE, read_concern=SETTLED)

    def create(self) -> None:
        """Make the indexes; idempotent."""
        self._commands.create_indexes(list(INDEXES))

    def session(self) -> AbstractContextManager[ClientSession | None]:
        """A causal session of the inbox's database, for whoever decides on what the inbox says."""
        return causal(self._database)

    def accept(self, envelope: CommandEnvelope, request: str | None = None) -> Entry | None:
        """Keep a command; once this returns, it survives everything.

        Returns ``None`` when it was new, else the entry that has its id already: the same request again,
        or another one under the same key if ``request`` differs.
        """
        return self.accept_all([(envelope, request)])[0]

    def accept_all(self, accepted: Sequence[tuple[CommandEnvelope, str | None]]) -> list[Entry | None]:
        """``accept`` for several at once, in their order."""
        documents = [self._document(envelope, request) for envelope, request in accepted]
        known: list[Entry | None] = [None] * len(documents)
        with causal(self._database) as session:
            try:
                self._commands.insert_many(documents, ordered=False, session=session)
            except BulkWriteError as error:
                if error.details["writeConcernErrors"]:
                    raise
                for write_error in error.details["writeErrors"]:
                    if write_error["code"] != DUPLICATE_KEY:
                        raise
                    place = write_error["index"]
                    # Causally after what refused the insert: until that is settled, this waits.
                    known[place] = self.find(documents[place]["_id"], session)
        return known

    def _document(self, envelope: CommandEnvelope, request: str | None) -> Documents:
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

    def find(self, command_id: str, session: ClientSession | None = None) -> Entry | None:
        stored = self._commands.find_one({"_id": command_id}, session=session)
        return Entry.from_stored(stored) if stored else None

    def find_all(self, command_ids: Sequence[str]) -> list[Entry | None]:
        """``find`` for several at once, in the order asked for."""
        found = {s["_id"]: s for s in self._commands.find({"_id": {"$in": list(command_ids)}})}
        return [Entry.from_stored(found[c]) if c in found else None for c in command_ids]

    def find_now(self, command_id: str) -> Entry | None:
        """``find``, and ``None`` only if nothing of that id was acknowledged before the call.

        A new primary does not show at once all that the one before it has acknowledged.
        """
        found = self.find(command_id)
        if found is not None:
            return found
        with causal(self._database) as session:
            read_barrier(self._database, session)
            return self.find(command_id, session)

    def accepted(self, command_ids: Sequence[str], session: ClientSession | None) -> dict[str, Timestamp]:
        """Which of some commands are unfinished, and their places in the order."""
        where = {**_WAITING, "_id": {"$in": list(command_ids)}}
        found = self._commands.find(where, {"accepted_ts": True}, session=session)
        return {stored["_id"]: stored["accepted_ts"] for stored in found}

    def unfinished(
        self, command: Command, limit: int = PAGE, session: ClientSession | None = None
    ) -> list[Entry]:
        """The unfinished commands that one may depend on, in the order they were accepted, itself included.

        They change a stream that it touches, or take facts from the one that it changes. If there are more
        than ``limit``, these are the first of them.
        """
        return self._unfinished([command], limit, session)[0]

    def unfinished_around(
        self, commands: Sequence[Command], session: ClientSession | None = None
    ) -> list[list[Entry]]:
        """``unfinished`` for several commands, in one query unless the backlog is beyond a page."""
        if not commands:
            return []
        found, is_all = self._unfinished(commands, len(commands) * PAGE, session)
        if len(commands) > 1 and not is_all:
            return [self.unfinished(command, session=session) for command in commands]
        near = EntriesByStream(found)
        return [near.that_concern(command) for command in commands]

    def _unfinished(
        self, commands: Sequence[Command], limit: int, session: ClientSession | None
    ) -> tuple[list[Entry], bool]:
        """The first entries, and whether they are all there are.

        A page is counted before the entries that cannot be read are left out. If they are the whole page, the
        next one is looked at: an empty answer means that there is nothing.
        """
        changed = {command.stream for command in commands}
        touched = changed.union(*(command.fact_streams for command in commands))
        related = [{"stream": {"$in": sorted(touched)}}, {"reads": {"$in": sorted(changed)}}]
        where: Documents = {**_WAITING, "$or": related}
        while True:
            found = self._commands.find(where, session=session).sort("accepted_ts", ASCENDING)
            page = list(found.limit(limit))
            entries = self._readable(page)
            if entries or len(page) < limit:
                return entries, len(page) < limit
            where["accepted_ts"] = {"$gt": page[-1]["accepted_ts"]}

    def unfinished_since(
        self, last: Timestamp, limit: int, *, after: Timestamp = BEFORE_ALL
    ) -> dict[str, Timestamp]:
        """The first commands between two places in the order that have no outcome: ids, with their places."""
        where = {**_WAITING, "accepted_ts": {"$gt": after, "$lte": last}}
        found = self._commands.find(where, {"accepted_ts": True})
        return {s["_id"]: s["accepted_ts"] for s in found.sort("accepted_ts", ASCENDING).limit(limit)}

    def newest_unfinished(self) -> Timestamp | None:
        """The place in the order of the last command that has no outcome."""
        last = self._commands.find_one(_WAITING, {"accepted_ts": True}, sort=[("accepted_ts", DESCENDING)])
        return last["accepted_ts"] if last else None

    def still_unfinished(self, command_ids: Sequence[str]) -> list[Entry]:
        """Those of some commands that have no outcome, in the order they were accepted."""
        found = self._commands.find({**_WAITING, "_id": {"$in": list(command_ids)}})
        return self._readable(found.sort("accepted_ts", ASCENDING))

    def _readable(self, found: Iterable[Documents]) -> list[Entry]:
        """The entries; one of a type or version that this build does not know is kept as failed at once.

        It could only hold up those behind it. An operator retries it once a build knows it.
        """
        entries = []
        for stored in found:
            try:
                entries.append(Entry.from_stored(stored))
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

    def finish(self, command_id: str, outcome: Outcome) -> None:
        """Copy an outcome. The log's (succeeded, rejected) stands; failed only where there is none yet."""
        self.finish_all([(command_id, outcome)])

    def finish_all(
        self, outcomes: Sequence[tuple[str, Outcome]], accepted: Mapping[str, Timestamp] | None = None
    ) -> list[None]:
        """``finish`` for several at once.

        ``accepted`` are the places in the order at which commands were handled. A failure is noted only while
        its command has that place: an operator's retry gives it another one, and a handler that stalled
        before the retry does not undo it.
        """
        places = {command_id: {"accepted_ts": place} for command_id, place in (accepted or {}).items()}
        updates = [
            UpdateOne(
                {
                    "_id": command_id,
                    "status": {"$in": _open_to(outcome)},
                    **(places.get(command_id, {}) if outcome.status is CommandStatus.FAILED else {}),
                },
                {
                    "$set": {"status": outcome.status, "outcome": outcome.model_dump()},
                    "$currentDate": {"finished_at": True},
                },
            )
            for command_id, outcome in outcomes
        ]
        self._commands.bulk_write(updates, ordered=False)
        return [None] * len(outcomes)


def _open_to(outcome: Outcome) -> list[str]:
    if outcome.status is CommandStatus.FAILED:
        return [CommandStatus.ACCEPTED.value]
    return [CommandStatus.ACCEPTED.value, CommandStatus.FAILED.value]
