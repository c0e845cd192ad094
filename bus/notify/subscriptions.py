"""The list of read models to ring, in the write database, so that Redis may forget everything.

The projections' workers subscribe the models of their table at start and renew that while they run.
A writer that appends looks here, at most every ``REFRESH_S``, so that the write side needs no list
of read models of its own. A model that no worker has renewed for ``LAPSE_S``, by mongod's clock, is
no longer rung. That is a model that was taken out of the table, or every model while no worker
runs; a worker rings for everything when it starts. A worker does not unsubscribe a model that it
does not know: during a deploy that may be a newer worker's.
"""

import time

from pymongo.database import Database

from bus.connections.clients import DURABLE, StoredDocument
from bus.primitives.cached import CachedValue
from bus.primitives.database_time import is_recent

REFRESH_S = 5.0
RENEW_S = 30.0
LAPSE_S = 300.0


class Subscriptions:
    """The names of the subscribed read models, cached for ``REFRESH_S``."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._subscriptions = database.get_collection("subscriptions", write_concern=DURABLE)
        self._names = CachedValue(self._read, REFRESH_S)
        self._renewed_at = float("-inf")

    def subscribe(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._subscriptions.update_one({"_id": name}, {"$currentDate": {"renewed_at": True}}, upsert=True)
        self._subscriptions.delete_many({"$expr": {"$not": [_RENEWED]}})
        self._renewed_at = time.monotonic()

    def renew(self, names: tuple[str, ...]) -> None:
        """Subscribe again if the last time was more than ``RENEW_S`` ago."""
        if time.monotonic() - self._renewed_at > RENEW_S:
            self.subscribe(names)

    def names(self) -> tuple[str, ...]:
        """Return the subscribed models; an empty answer is not remembered."""
        names = self._names()
        if not names:
            self._names.forget()
        return names

    def _read(self) -> tuple[str, ...]:
        return tuple(stored["_id"] for stored in self._subscriptions.find({"$expr": _RENEWED}))


_RENEWED = is_recent("$renewed_at", round(LAPSE_S * 1000))
