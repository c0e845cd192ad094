"""Which read models want to be rung: kept in the write database, so that Redis may forget everything.

The projections' workers subscribe the models of their table at start and renew that while they run. Whoever
appends looks here, at most every few seconds, so that the write side needs no list of read models of its
own. What nobody has renewed for ``LAPSE_S``, by mongod's clock, is no longer rung: a read model that was
taken out of the table, or all of them while no worker runs, which rings for everything when it starts. A
worker does not unsubscribe what it does not know: during a deploy that may be a newer one's.
"""

import time

from pymongo.database import Database

from bus.connections.clients import DURABLE, Documents
from bus.primitives.cached import CachedValue
from bus.primitives.database_time import is_recent

REFRESH_S = 5.0
RENEW_S = 30.0
LAPSE_S = 300.0


class Subscriptions:
    """The names of the subscribed read models, cached for ``REFRESH_S``."""

    def __init__(self, database: Database[Documents]) -> None:
        self._subscriptions = database.get_collection("subscriptions", write_concern=DURABLE)
        self._names = CachedValue(self._read, REFRESH_S)
        self._renewed_at = float("-inf")

    def subscribe(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._subscriptions.update_one({"_id": name}, {"$currentDate": {"renewed_at": True}}, upsert=True)
        self._subscriptions.delete_many({"$expr": {"$not": [_RENEWED]}})
        self._renewed_at = time.monotonic()

    def renew(self, names: tuple[str, ...]) -> None:
        """Subscribe again when it is time to."""
        if time.monotonic() - self._renewed_at > RENEW_S:
            self.subscribe(names)

    def names(self) -> tuple[str, ...]:
        """The subscribed models. If there is none, that is not remembered."""
        names = self._names()
        if not names:
            self._names.forget()
        return names

    def _read(self) -> tuple[str, ...]:
        return tuple(stored["_id"] for stored in self._subscriptions.find({"$expr": _RENEWED}))


_RENEWED = is_recent("$renewed_at", round(LAPSE_S * 1000))
