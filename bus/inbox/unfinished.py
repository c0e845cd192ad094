"""What the inbox still has to do, in figures."""

from dataclasses import dataclass

from bson import Timestamp
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from bus.connections.clients import CODEC, UNSETTLED, Documents
from bus.dead_letters.failed_commands import FailedCommands
from bus.inbox.inbox import OF_CALLER
from bus.messages.outcome import CommandStatus
from bus.messages.principal import Principal

_WAITING = {"status": CommandStatus.ACCEPTED.value}


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Commands without an outcome, the age of the oldest in seconds, and those kept for an operator.

    The age is by when it was accepted and by mongod's clock, which told that moment too. The order
    is no age while it is ahead of that clock (``bus.inbox.overdue``). What was accepted in the
    future, before the clock was put right, is passed over: then the age is that of the first one
    accepted since, and the oldest is older.
    """

    commands: int
    oldest_s: float
    failed: int


def count_unfinished(inbox: Collection[Documents]) -> int:
    """Count the commands without an outcome, by the partial index on them: every entry has such a time."""
    return inbox.count_documents({**_WAITING, "accepted_ts": {"$gte": Timestamp(0, 0)}})


def count_unfinished_of(inbox: Collection[Documents], caller: Principal, most: int) -> int:
    """Count what a caller has without an outcome, at most ``most``, by an index that holds no more than that.

    As it is at the moment on the primary, settled or not.
    """
    values = (caller.subject, caller.role.value, caller.issuer, CommandStatus.ACCEPTED.value)
    where = dict(zip(OF_CALLER, values, strict=True))
    return inbox.with_options(read_concern=UNSETTLED).count_documents(where, limit=most)


def unfinished(database: Database[Documents]) -> Unfinished:
    """Count, by indexes that hold only what is counted; ages by mongod's clock."""
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
