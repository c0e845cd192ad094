"""What commands came to, and letting one have come to something without deciding it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.inbox.command_records import outcome_of
from bus.inbox.inbox import Inbox
from bus.log.commit import Commit
from bus.messages.outcome import CommandStatus, Outcome


def come_to(inbox: Inbox, command_id: str, outcome: Outcome) -> None:
    """Put what a command came to into the log, at its position or at one that is free; a failure not."""
    entry = inbox.find(command_id)
    assert entry is not None
    if outcome.status is not CommandStatus.FAILED:
        envelope, commits = entry.envelope, inbox._database.commits
        stored: dict[str, Any] = {
            "partition": entry.partition,
            "seq": _free(commits, entry.partition, outcome.seq),
            "command_id": command_id,
            "type": envelope.command.type,
            "correlation_id": envelope.correlation_id,
            "at": envelope.accepted_at,
            "decided_at": datetime.now(UTC),
            "by": str(envelope.by),
        }
        if entry.request is not None:
            stored["request"] = entry.request
        if outcome.status is CommandStatus.SUCCEEDED and outcome.version is not None:
            state = {} if outcome.total is None else {"total": outcome.total}
            stored |= {"stream": outcome.stream, "version": outcome.version, "events": [], "state": state}
        else:
            stored["outcome"] = outcome.model_dump()
        commits.insert_one(stored)
    inbox.finish_all([(command_id, outcome)])


def _free(commits: Collection[StoredDocument], partition: int, seq: int | None) -> int:
    newest = commits.find_one({"partition": partition}, sort=[("seq", -1)])
    return max(seq or 1, newest["seq"] + 1 if newest else 1)


def decided(database: Database[StoredDocument], command_ids: Iterable[str]) -> dict[str, Outcome]:
    """What commands came to, of those that have come to something."""
    found = database.commits.find({"command_id": {"$in": list(command_ids)}})
    return {stored["command_id"]: outcome_of(Commit.from_stored(stored)) for stored in found}
