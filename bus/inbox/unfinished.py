"""Counts what the inbox still has to do."""

from dataclasses import dataclass

from bson import Timestamp
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from bus.connections.clients import CODEC, UNSETTLED, StoredDocument
from bus.dead_letters.failed_commands import FailedCommands
from bus.inbox.inbox import OF_CALLER
from bus.messages.outcome import CommandStatus
from bus.messages.principal import Principal

_WAITING = {"status": CommandStatus.ACCEPTED.value}


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Commands without an outcome, the oldest's age in seconds, and those kept for an operator.

    The age is the time since the command was accepted; mongod's clock tells both moments. The order
    is no age while it is ahead of that clock (``bus.inbox.overdue``). A command that was accepted
    in the future, before the clock was put right, is passed over. Then the age is that of the first
    command accepted since, and the oldest is older.
    """

    commands: int
    oldest_s: float
    failed: int


def count_unfinished(inbox: Collection[StoredDocument]) -> int:
    """Count the commands without an outcome, by the partial index on them.

    The query names ``accepted_ts`` for that index; every entry has such a time.
    """
    return inbox.count_documents({**_WAITING, "accepted_ts": {"$gte": Timestamp(0, 0)}})


def count_unfinished_of(inbox: Collection[StoredDocument], caller: Principal, most: int) -> int:
    """Count a caller's commands without an outcome, at most ``most``.

    It uses an index that holds only unfinished commands. It counts what is on the primary at the
    moment, settled or not.
    """
    values = (caller.subject, caller.role.value, caller.issuer, CommandStatus.ACCEPTED.value)
    where = dict(zip(OF_CALLER, values, strict=True))
    return inbox.with_options(read_concern=UNSETTLED).count_documents(where, limit=most)


def unfinished(database: Database[StoredDocument]) -> Unfinished:
    """Count by indexes that hold only what is counted; take ages by mongod's clock."""
    # As it is at the moment: what has left is shown for a while after that by a settled read.
    inbox = database["commands"].with_options(read_concern=UNSETTLED)
    now = database.command("hello", codec_options=CODEC)["localTime"]
    oldest = inbox.find_one(
        {**_WAITING, "envelope.accepted_at": {"$lte": now}},
        {"envelope.accepted_at": True},
        sort=[("accepted_ts", ASCENDING)],
    )
    return Unfinished(
        commands=count_unfinished(inbox),
        oldest_s=(now - oldest["envelope"]["accepted_at"]).total_seconds() if oldest else 0.0,
        failed=FailedCommands(database).count_open(),
    )
