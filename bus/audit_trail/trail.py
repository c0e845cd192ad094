"""The audit trail of an installation: the collection ``audit`` of the write database.

Entries are only added to it. It has nothing to do with ``python -m read_side audit``, which
compares read models with the log.

An action is recorded as ``begun``, durably, before anything is done. Its end is added after it.
So:

- *The record cannot be written:* ``attempt`` raises, and nothing is done.
- *The process is killed, or the database goes away, between the two:* the entry stays ``begun``.
  Nobody knows what became of the action, so the entry says no more. Therefore ``attempt`` writes no
  end after an error of MongoDB. A request would not have the time for another operation in vain,
  either.
- *Only the end cannot be written:* the action is done and stays so. The log says that its end is
  missing.

Reads are not listed one by one, since a dashboard asks every two seconds: one entry counts how
often one caller asked for one target within an hour of this process's clock. Its id is drawn from
these, so two processes count in one entry, and MongoDB applies one increment after the other.
``at`` is the first time, so the order of the list never changes.

All times are those of the database. An entry keeps the time when it expires. So a changed setting
applies only to what is recorded from then on, and a command line with another setting changes no
other entry.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import uuid_utils
from pymongo import DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus.audit_trail.actions import Action, Ended
from bus.audit_trail.callers import Caller
from bus.connections.clients import DURABLE, StoredDocument
from bus.errors import RefusedError
from bus.observability.logs import logger, redacted
from bus.primitives.database_time import from_now

DAY_MS = 86_400_000
HOUR_S = 3_600
LONGEST_TEXT = 256
"""The most characters of an id in a target, and of a detail. A URL may have any text as an id."""

INDEXES = (
    IndexModel([("at", DESCENDING), ("_id", DESCENDING)]),
    IndexModel([("who.name", DESCENDING), ("at", DESCENDING), ("_id", DESCENDING)]),
    IndexModel("expires_at", expireAfterSeconds=0),
)

Target = Mapping[str, str]
"""The ids of the things that an action is about; each key names the kind of thing."""


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """An entry as it is shown; ``at`` is its beginning, ``count`` the number of reads since then.

    ``action`` and ``outcome`` may be words of another build.
    """

    at: datetime
    who: str
    address: str | None
    through: str
    action: str
    target: str
    outcome: str
    count: int


@dataclass(slots=True)
class Attempt:
    """An action that goes on. What its block sets here is recorded as its end, unless it raises."""

    outcome: Ended = Ended.DONE
    detail: str | None = None


class AuditTrail:
    """The audit trail in one write database. It keeps entries for ``days`` days; 0 is for ever."""

    def __init__(self, database: Database[StoredDocument], days: int) -> None:
        self._entries = database.get_collection("audit", write_concern=DURABLE)
        self._expiry: StoredDocument = {"expires_at": from_now(days * DAY_MS)} if days else {}

    def create(self) -> None:
        """Make the indexes; idempotent."""
        self._entries.create_indexes(list(INDEXES))

    @contextmanager
    def attempt(
        self,
        caller: Caller,
        action: Action,
        target: Target,
        refusals: tuple[type[Exception], ...] = (RefusedError,),
    ) -> Iterator[Attempt]:
        """Record an action around the block that does it.

        An exception of ``refusals`` says that the block changed nothing.

        Raises:
            PyMongoError: the action cannot be recorded; then the block is not entered.

        """
        begun = {**_stored(caller, action, target), "outcome": Ended.BEGUN}
        identity = str(uuid_utils.uuid7())
        self._entries.update_one(
            {"_id": identity}, [{"$set": {**_literal(begun), "at": "$$NOW", **self._expiry}}], upsert=True
        )
        attempt = Attempt()
        try:
            yield attempt
        except PyMongoError:
            raise
        except BaseException as error:
            if isinstance(error, refusals):  # whose words may quote a command or an operator's reason
                self._end(identity, Attempt(Ended.REFUSED, type(error).__name__))
            else:
                self._end(identity, Attempt(Ended.FAILED, redacted(error)))
            raise
        self._end(identity, attempt)

    def _end(self, identity: str, attempt: Attempt) -> None:
        detail = attempt.detail and attempt.detail[:LONGEST_TEXT]
        ended = {"outcome": attempt.outcome, "detail": detail}
        try:
            self._entries.update_one({"_id": identity}, [{"$set": {**_literal(ended), "ended_at": "$$NOW"}}])
        except PyMongoError as error:
            logger.warning("the end of an action is not recorded", entry=identity, error=error)

    def count(self, caller: Caller, action: Action, target: Target) -> None:
        """Record that a caller is about to be shown something.

        Raises:
            PyMongoError: that cannot be recorded; then the thing must not be shown.

        """
        read = {**_stored(caller, action, target), "outcome": Ended.DONE}
        hour = int(time.time() // HOUR_S)
        identity = hashlib.sha256(orjson.dumps([hour, read], option=orjson.OPT_SORT_KEYS)).hexdigest()
        changes = {
            **_literal(read),
            "at": {"$ifNull": ["$at", "$$NOW"]},
            "last_at": "$$NOW",
            "count": {"$add": [{"$ifNull": ["$count", 0]}, 1]},
            **self._expiry,
        }
        self._entries.update_one({"_id": identity}, [{"$set": changes}], upsert=True)

    def page(
        self,
        limit: int,
        *,
        after: tuple[datetime, str] | None = None,
        since: datetime | None = None,
        who: str | None = None,
        action: Action | None = None,
    ) -> tuple[list[TrailEntry], tuple[datetime, str] | None]:
        """Return the newest entries, or those behind a place in the list.

        The second result is the place where they end. The place is ``None`` at the end of the list.
        ``who`` is a caller's name.
        """
        where: StoredDocument = {} if who is None else {"who.name": who}
        if action is not None:
            where["action"] = action
        if since is not None:
            where["at"] = {"$gte": since}
        if after is not None:
            at, identity = after
            where["at"] = {**where.get("at", {}), "$lte": at}
            where["$or"] = [{"at": {"$lt": at}}, {"_id": {"$lt": identity}}]
        order = [("at", DESCENDING), ("_id", DESCENDING)]
        found = list(self._entries.find(where).sort(order).limit(limit + 1))
        shown = found[:limit]
        ended = (shown[-1]["at"], shown[-1]["_id"]) if len(found) > limit else None
        return [_entry(stored) for stored in shown], ended


def _stored(caller: Caller, action: Action, target: Target) -> StoredDocument:
    return {
        "who": {"name": caller.name, **caller.identity},
        "address": caller.address,
        "through": caller.through,
        "action": action,
        "target": {kind: identity[:LONGEST_TEXT] for kind, identity in target.items()},
    }


def _literal(fields: Mapping[str, Any]) -> StoredDocument:
    """Return fields as literals: in a pipeline update text with a dollar would be an expression."""
    return {name: {"$literal": value} for name, value in fields.items()}


def _entry(stored: StoredDocument) -> TrailEntry:
    return TrailEntry(
        at=stored["at"],
        who=stored["who"]["name"],
        address=stored["address"],
        through=stored["through"],
        action=stored["action"],
        target=" ".join(part for part in stored["target"].values() if isinstance(part, str)),
        outcome=stored["outcome"],
        count=stored.get("count", 1),
    )
