"""Which read models want to be rung: kept in the write database, so that Redis may forget everything.

The projections' workers subscribe the models of their table at start. Whoever appends looks here, at most
every few seconds, so that the write side needs no list of read models of its own.
"""

import time

from pymongo.database import Database

from bus.connections import DURABLE, Documents

REFRESH_S = 5.0


class Subscriptions:
    """The names of the subscribed read models, cached for ``REFRESH_S``."""

    def __init__(self, database: Database[Documents]) -> None:
        self._subscriptions = database.get_collection("subscriptions", write_concern=DURABLE)
        self._names: tuple[str, ...] = ()
        self._read_at = float("-inf")

    def subscribe(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._subscriptions.update_one({"_id": name}, {"$setOnInsert": {"_id": name}}, upsert=True)

    def names(self) -> tuple[str, ...]:
        """The subscribed models; a race between threads only reads them twice. None is not remembered."""
        if not self._names or time.monotonic() - self._read_at > REFRESH_S:
            self._names = tuple(stored["_id"] for stored in self._subscriptions.find())
            self._read_at = time.monotonic()
        return self._names
