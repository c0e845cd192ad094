"""Counts the attempts at each command in the inbox, where a count outlives a process that dies.

An attempt is counted before it begins. The count is taken back when the attempt ends well, or for a
reason that passes by itself. An attempt that raised is counted as an error too. So
``attempts - errors`` is the number of attempts that are under way or ended with their process.

An attempt made alone holds a lease, by mongod's clock (``bus.primitives.database_time``), so that
only one is under way. If its process dies, the attempt is counted when the next one takes the
lease. An attempt that takes longer than its lease counts as a death at first. If it ends all the
same, it takes back its own count. It ends the lease only if no later attempt has taken it. Two at
once do no harm, since the log lets one outcome in.

Counting does not wait for the disk: a kill of mongod that loses some counts costs another attempt,
never a command. An attempt that could not be taken back, because MongoDB went away, is taken back
with the next one that begins. The count never falls below the number of errors, since an operator's
retry may have begun it anew.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from pymongo import ReturnDocument, UpdateMany, UpdateOne, WriteConcern
from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus.connections.clients import UNSETTLED, StoredDocument
from bus.messages.outcome import CommandStatus
from bus.primitives.database_time import LONG_AGO, from_now, is_past, is_recent, shorten

ALONE_MS = 20_000
"""The longest that an attempt made alone may take before the next one begins.

A worker's operations are bounded by 10 s.
"""

QUIET_MS = 3_000
"""The time since the last attempt began after which open attempts are taken for dead.

Before that they are taken for attempts under way.
"""

_WAITING = {"status": CommandStatus.ACCEPTED.value}
_OPEN = {"$expr": {"$gt": ["$attempts", {"$ifNull": ["$errors", 0]}]}}


class Attempts:
    """The counts in one inbox. Safe for threads."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._commands = database.get_collection(
            "commands", write_concern=WriteConcern(w=1), read_concern=UNSETTLED
        )
        self._owed: list[UpdateOne] = []
        self._alone_until: dict[str, datetime] = {}
        """The leases of this process's attempts made alone."""
        self._lock = threading.Lock()

    def begin_all(self, command_ids: Sequence[str]) -> list[None]:
        """Count an attempt at each of some commands."""
        begun = {"$inc": {"attempts": 1}, "$currentDate": {"attempted_at": True}}
        self._write(UpdateMany({"_id": {"$in": list(command_ids)}, **_WAITING}, begun))
        return [None] * len(command_ids)

    def take_back(self, command_id: str) -> None:
        """Take back an attempt that ended for a reason which says nothing about the command.

        It does not ask MongoDB for anything yet.
        """
        self._owe([UpdateOne({"_id": command_id, **_WAITING, **_OPEN}, {"$inc": {"attempts": -1}})])

    def count_error(self, command_id: str, error: str) -> int:
        """Count an attempt that ended in an error; return how many have."""
        counted = self._commands.find_one_and_update(
            {"_id": command_id},
            {"$inc": {"errors": 1}, "$set": {"error": error}},
            projection={"errors": True},
            return_document=ReturnDocument.AFTER,
        )
        return counted["errors"] if counted else 0

    def are_quiet(self, command_id: str) -> bool:
        """Return True if no attempt at a command has begun for ``QUIET_MS``.

        Then the attempts that are open have died.
        """
        quiet = {"$not": is_recent("$attempted_at", QUIET_MS)}
        return self._commands.find_one({"_id": command_id, "$expr": quiet}, {"_id": True}) is not None

    def begin_alone(self, command_id: str) -> int | None:
        """Count an attempt that is made alone, and hold its lease.

        Returns how many attempts made alone before it have not ended. Returns ``None`` and counts
        nothing while one is under way, or if the command is finished.
        """
        self._write()
        free = is_past({"$ifNull": ["$alone_until", LONG_AGO]})
        counted = {
            "attempts": {"$add": ["$attempts", 1]},
            "attempted_at": "$$NOW",
            "alone": {"$add": [{"$ifNull": ["$alone", 0]}, 1]},
            "alone_until": from_now(ALONE_MS),
        }
        begun = self._commands.find_one_and_update(
            {"_id": command_id, **_WAITING, "$expr": free},
            [{"$set": counted}],
            projection={"alone": True, "alone_until": True},
            return_document=ReturnDocument.AFTER,
        )
        if begun is None:
            shorten(self._commands, {"_id": command_id}, "alone_until", ALONE_MS)
            return None
        self._alone_until[command_id] = begun["alone_until"]
        return int(begun["alone"]) - 1

    def end_alone(self, command_id: str) -> None:
        """End an attempt made alone, whatever came of it: its process lives."""
        until = self._alone_until.pop(command_id, LONG_AGO)
        lease = {"_id": command_id, "alone_until": {"$lte": until}}  # it may have been shortened
        self._owe(
            [
                UpdateOne({"_id": command_id, **_WAITING, "alone": {"$gt": 0}}, {"$inc": {"alone": -1}}),
                UpdateOne(lease, {"$unset": {"alone_until": True}}),
            ]
        )
        with suppress(PyMongoError):
            self._write()

    def _owe(self, updates: list[UpdateOne]) -> None:
        with self._lock:
            self._owed += updates

    def _write(self, *updates: UpdateMany) -> None:
        """Write these updates and all that are owed; if that fails, those are still owed."""
        with self._lock:
            owed, self._owed = self._owed, []
        if not updates and not owed:
            return
        try:
            self._commands.bulk_write([*updates, *owed], ordered=False)
        except BaseException:
            self._owe(owed)
            raise
