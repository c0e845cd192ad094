"""The inbox: every accepted command, in the ``commands`` collection, kept before anything is enqueued.

It is the idempotency record, the status resource and the safety net. Its order is ``accepted_ts``, which
mongod itself fills in, so the clocks of API hosts do not matter. What a command came to is decided by the
log alone; the inbox only copies it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bson import Timestamp
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from bus.connections import DURABLE
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.streams import partition_of

_WAITING = {"status": CommandStatus.ACCEPTED.value}

INDEXES = (
    IndexModel([("stream", ASCENDING), ("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("accepted_ts", ASCENDING)], partialFilterExpression=_WAITING),
    IndexModel([("finished_at", ASCENDING)], partialFilterExpression={"status": CommandStatus.FAILED.value}),
)
"""All partial on what is unfinished or failed, so they stay as small as the backlog."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in the inbox. ``request`` is the digest of the request that brought it."""

    envelope: CommandEnvelope
    partition: int
    status: CommandStatus
    accepted_ts: Timestamp
    attempts: int
    request: str | None
    outcome: Outcome | None
    finished_at: datetime | None

    @property
    def command_id(self) -> str:
        return self.envelope.command_id

    @property
    def finished(self) -> bool:
        return self.status is not CommandStatus.ACCEPTED

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> Self:
        outcome = stored["outcome"]
        return cls(
            envelope=CommandEnvelope.from_stored(stored["envelope"]),
            partition=stored["partition"],
            status=CommandStatus(stored["status"]),
            accepted_ts=stored["accepted_ts"],
            attempts=stored["attempts"],
            request=stored["request"],
            outcome=Outcome.model_validate(outcome) if outcome else None,
            finished_at=stored["finished_at"],
        )


class Inbox:
    """The inbox in one write database."""

    def __init__(self, database: Database[dict[str, Any]], partitions: int) -> None:
        self._partitions = partitions
        self._commands = database.get_collection("commands", write_concern=DURABLE)

    def create(self) -> None:
        """Make the indexes; idempotent."""
        self._commands.create_indexes(list(INDEXES))

    def accept(self, envelope: CommandEnvelope, request: str | None = None) -> Entry | None:
        """Keep a command; once this returns, it survives everything.

        Returns ``None`` when it was new, else the entry that has its id already: the same request again,
        or another one under the same key if ``request`` differs.
        """
        stream = envelope.command.stream
        try:
            self._commands.insert_one(
                {
                    "_id": envelope.command_id,
                    "accepted_ts": Timestamp(0, 0),
                    "type": envelope.command.type,
                    "stream": stream,
                    "partition": partition_of(stream, self._partitions),
                    "envelope": envelope.to_stored(),
                    "request": request,
                    "status": CommandStatus.ACCEPTED,
                    "attempts": 0,
                    "outcome": None,
                    "finished_at": None,
                }
            )
        except DuplicateKeyError:
            return self.find(envelope.command_id)
        return None

    def find(self, command_id: str) -> Entry | None:
        stored = self._commands.find_one({"_id": command_id})
        return Entry.from_stored(stored) if stored else None

    def unfinished(self, streams: Iterable[str], limit: int = 100) -> list[Entry]:
        """The unfinished commands on any of these streams, in the order they were accepted."""
        found = self._commands.find({**_WAITING, "stream": {"$in": list(streams)}})
        return [Entry.from_stored(stored) for stored in found.sort("accepted_ts", ASCENDING).limit(limit)]

    def unfinished_since(self, before: Timestamp, limit: int) -> list[Entry]:
        """The oldest commands that were accepted before a moment and have no outcome."""
        found = self._commands.find({**_WAITING, "accepted_ts": {"$lt": before}})
        return [Entry.from_stored(stored) for stored in found.sort("accepted_ts", ASCENDING).limit(limit)]

    def count_attempt(self, command_id: str, error: str) -> int:
        """Note that handling a command raised; return how often it has."""
        self._commands.update_one({"_id": command_id}, {"$inc": {"attempts": 1}, "$set": {"error": error}})
        stored = self._commands.find_one({"_id": command_id}, {"attempts": True})
        return stored["attempts"] if stored else 0

    def finish(self, command_id: str, outcome: Outcome) -> None:
        """Copy an outcome. The log's (succeeded, rejected) stands; failed only where there is none yet."""
        open_to = [CommandStatus.ACCEPTED.value]
        if outcome.status is not CommandStatus.FAILED:
            open_to.append(CommandStatus.FAILED.value)
        self._commands.update_one(
            {"_id": command_id, "status": {"$in": open_to}},
            {
                "$set": {"status": outcome.status, "outcome": outcome.model_dump()},
                "$currentDate": {"finished_at": True},
            },
        )
