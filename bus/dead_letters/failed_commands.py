"""The failed commands: the inbox keeps them, and an operator retries them or sets them aside.

A retried command joins at the end of the order: it is accepted once more, now. So it is decided
after everything that was accepted meanwhile, and with a time that is not before what has happened
to its aggregate.

A retry is harmless, whatever has become of the command. The log holds at most one outcome of a
command, and a failure is one. A retry first accepts the command again. Then it takes the failure
out of the log, so that the command can have another outcome: the failure's place becomes a
tombstone. If the retry is killed between the two, the next handler finds the failure and copies it,
and an operator retries again. After a retry, a worker that was taken for stuck may still append an
outcome; the handler finds it and copies it. A retry applies only to the failure that was looked at
(by its ``finished_at``). So of two operators one wins, and an outcome that came in between stands.
The failure of a discarded command stays in the log, so the command can have no other outcome.
"""

from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.database import Database

from bus.connections.clients import CODEC, DURABLE, StoredDocument
from bus.errors import NotThereError, RefusedError
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus

_FAILED = {"status": CommandStatus.FAILED.value}
_OPEN = {**_FAILED, "discarded": {"$exists": False}}
_OF_THE_FAILURE = ("errors", "error", "alone", "discarded")
"""The fields that a retry removes. It leaves the lease of an attempt made alone: the holder may
still be at work."""

_SAID_IN_THE_LOG = (
    "command_id",
    "type",
    "request",
    "correlation_id",
    "at",
    "decided_at",
    "by",
    "outcome",
    "traceparent",
)
"""The fields of a failure in the log that a tombstone does not have."""


class FailedCommands:
    """The failed commands in the inbox of one write database.

    They are handed out as stored documents: an operator also has to see those that this build
    cannot read.
    """

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._database = database
        self._commands = database.get_collection("commands", write_concern=DURABLE)
        self._commits = database.get_collection("commits", write_concern=DURABLE)

    def newest(self, limit: int, *, discarded: bool = False) -> list[StoredDocument]:
        """Return failed commands, the newest first; those set aside only if ``discarded``."""
        found = self._commands.find(_FAILED if discarded else _OPEN)
        return list(found.sort("finished_at", DESCENDING).limit(limit))

    def open_ids(self) -> list[str]:
        """Return the ids of all that wait for an operator, in the order in which they failed."""
        return [
            stored["_id"]
            for stored in self._commands.find(_OPEN, {"_id": True}).sort("finished_at", ASCENDING)
        ]

    def count_open(self) -> int:
        """Return how many failed commands wait for an operator."""
        return self._commands.count_documents(_OPEN)

    def find(self, command_id: str) -> StoredDocument | None:
        """Return a command that is failed, or that an operator has retried or discarded."""
        had_to_do = {"$or": [_FAILED, {"resolutions": {"$exists": True}}]}
        return self._commands.find_one({"_id": command_id, **had_to_do})

    def retry(self, command_id: str, *, by: str, reason: str) -> CommandEnvelope:
        """Accept a failed command once more; the sweep delivers it if its caller does not.

        A discarded command may be retried too: the operator may decide anew.

        Raises:
            RefusedError: the command is not failed (any more), or this build cannot read it.

        """
        failed = self._failed(command_id)
        try:
            CommandEnvelope.from_stored(failed["envelope"])
        except ValidationError as error:
            raise RefusedError(f"{command_id} cannot be read by this build: {error}") from None
        as_read = {"finished_at": failed["finished_at"], "discarded": failed.get("discarded")}
        retried = self._commands.find_one_and_update(
            {"_id": command_id, **_FAILED, **as_read},
            {
                "$set": {
                    "status": CommandStatus.ACCEPTED,
                    "attempts": 0,
                    "outcome": None,
                    "finished_at": None,
                },
                "$unset": dict.fromkeys(_OF_THE_FAILURE, True),
                "$currentDate": {"accepted_ts": {"$type": "timestamp"}, "envelope.accepted_at": True},
                "$push": {"resolutions": self._resolution("retried", failed, by, reason)},
            },
            return_document=ReturnDocument.AFTER,
        )
        if retried is None:
            raise RefusedError(f"{command_id} is not as it was looked at: somebody else was faster")
        self._take_out_of_the_log(failed)
        return CommandEnvelope.from_stored(retried["envelope"])

    def discard(self, command_id: str, *, by: str, reason: str) -> None:
        """Set a failed command aside: it stays failed for ever, and is no longer listed.

        Raises:
            RefusedError: it is not failed, or has been set aside already.

        """
        failed = self._failed(command_id)
        discarded = self._commands.update_one(
            {"_id": command_id, **_OPEN, "finished_at": failed["finished_at"]},
            {
                "$set": {"discarded": True},
                "$push": {"resolutions": self._resolution("discarded", failed, by, reason)},
            },
        )
        if not discarded.modified_count:
            raise RefusedError(f"{command_id} is discarded already, or somebody else was faster")

    def _take_out_of_the_log(self, failed: StoredDocument) -> None:
        """Make a tombstone of a failure.

        Do nothing if the log does not have it, as when an older build noted it.
        """
        outcome = failed["outcome"] or {}
        if outcome.get("seq") is None:
            return
        place = {"partition": failed["partition"], "seq": outcome["seq"]}
        said = {"command_id": failed["_id"], "outcome.status": CommandStatus.FAILED.value}
        self._commits.update_one({**place, **said}, {"$unset": dict.fromkeys(_SAID_IN_THE_LOG, True)})

    def _failed(self, command_id: str) -> StoredDocument:
        stored = self._commands.find_one({"_id": command_id})
        if stored is None:
            self._refuse_finished(command_id)
            raise NotThereError(f"there is no command {command_id}")
        if stored["status"] != CommandStatus.FAILED:
            raise RefusedError(f"{command_id} is {stored['status']}, not failed")
        return stored

    def _refuse_finished(self, command_id: str) -> None:
        """Raise ``RefusedError`` if a command has left the inbox: the log has it."""
        log = self._database["log"].find_one({"_id": "log"}) or {"partitions": 0}
        partitions = {"$in": list(range(log["partitions"]))}
        commit = self._commits.find_one({"partition": partitions, "command_id": command_id})
        if commit is not None:
            status = (commit.get("outcome") or {}).get("status", CommandStatus.SUCCEEDED.value)
            raise RefusedError(f"{command_id} is {status}, not failed")

    def _resolution(self, action: str, failed: StoredDocument, by: str, reason: str) -> dict[str, Any]:
        """Return what was done, and to which failure: a retry clears the outcome, this keeps it."""
        now: datetime = self._database.command("hello", codec_options=CODEC)["localTime"]
        outcome = failed["outcome"] or {}
        return {
            "action": action,
            "at": now,
            "by": by,
            "reason": reason,
            "failed_at": failed["finished_at"],
            "error": outcome.get("error"),
        }
