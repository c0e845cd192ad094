"""Denies the tokens that were issued to a subject until a moment: ``denied_tokens``.

A token that was signed is good until it expires, whatever became of its bearer. So an operator
denies a subject: a token that was issued to it up to a moment is a 401, a later one is accepted.
Every ``web`` process looks up the whole list every ``REFRESH_S``; it is short, since people write
it. While MongoDB is away a process goes by the list that it read last. A process that has never
read it accepts no token.

``iat`` is by the issuer's clock and the moment is by mongod's, so a token that was issued up to
``JWT_LEEWAY_S`` after the moment is denied as well. A token without ``iat`` may have been issued at
any time.

An entry stays until it is lifted. It could go once all the tokens that it denies have expired. But
this holds only if nobody raises ``JWT_MAX_LIFETIME_S`` meanwhile, and not for tokens without
``iat``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pymongo
from pymongo import ReturnDocument
from pymongo.database import Database

from api.middleware.refresher import Refresher
from bus.connections.clients import StoredDocument
from bus.errors import TwofoldError
from bus.messages.principal import Principal, Role

COLLECTION = "denied_tokens"
REFRESH_S = 2.0
LOOK_LIMIT_S = 1.5
ANY_ROLE = "*"


class DenyListUnknownError(TwofoldError):
    """The list has not been read since the process started, so no token can be accepted."""


class DeniedTokens:
    """The collection: ``_id`` is role and subject as in the log's ``by``, or ``*`` and subject."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._denied = database[COLLECTION]

    def deny(self, subject: str, role: Role | None, before: datetime | None, by: str) -> datetime:
        """Deny what was issued until ``before``, or until now; return until when it is denied.

        If the entry already has a later moment, that one stays.
        """
        until: Any = before or "$$NOW"
        entry = {"before": {"$max": ["$before", until]}, "at": "$$NOW", "by": {"$literal": by}}
        stored: Any = self._denied.find_one_and_update(
            {"_id": entry_id(subject, role)},
            [{"$set": entry}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        denied_until: datetime = stored["before"]
        return denied_until

    def lift(self, subject: str, role: Role | None) -> bool:
        """Take an entry off the list; return True if it was there."""
        return self._denied.delete_one({"_id": entry_id(subject, role)}).deleted_count > 0

    def all(self) -> list[StoredDocument]:
        """Return every entry, by role and subject."""
        return list(self._denied.find().sort("_id"))


class DenyList:
    """The list as one process knows it; requests read it, and a thread replaces it as a whole."""

    def __init__(self, database: Database[StoredDocument], leeway_s: int) -> None:
        self._denied = DeniedTokens(database)
        self._leeway_s = leeway_s
        self._until: Mapping[str, float] | None = None
        told = (
            "denied tokens cannot be read: the last are used; without any, no token is taken",
            "denied tokens are read again",
        )
        pauses = (REFRESH_S, REFRESH_S)
        self._refresher = Refresher("denied tokens", self._look, REFRESH_S, pauses_s=pauses, told=told)

    def start(self) -> None:
        self._refresher.start()

    def stop(self) -> None:
        self._refresher.stop()

    @property
    def is_known(self) -> bool:
        """True once the list has been read; until then no token is taken."""
        return self._until is not None

    def covers(self, principal: Principal, issued_at: float | None) -> bool:
        """Return True if a token of this caller is denied; ``issued_at`` is in epoch seconds.

        Raises:
            DenyListUnknownError: the list has not been read since the process started.

        """
        until, subject = self._until, principal.subject
        if until is None:
            raise DenyListUnknownError
        moments = [until.get(entry_id(subject, role)) for role in (principal.role, None)]
        return any(
            moment is not None and (issued_at is None or issued_at <= moment + self._leeway_s)
            for moment in moments
        )

    def _look(self) -> None:
        with pymongo.timeout(LOOK_LIMIT_S):
            self._until = {entry["_id"]: entry["before"].timestamp() for entry in self._denied.all()}


def entry_id(subject: str, role: Role | None) -> str:
    """Return the name of an entry, which covers one role or all."""
    return f"{role or ANY_ROLE}:{subject}"
