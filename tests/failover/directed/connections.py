"""Connections to a replica set and a read side, each as of a process of its own."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count

from pymongo.database import Database

from bus.connections.clients import (
    CODEC,
    DURABLE,
    SETTLED,
    WORKER_TIMEOUT_MS,
    StoredDocument,
    mongo_client,
    read_database,
    write_database,
)
from bus.settings import Settings
from tests.failover.servers.member import Member
from tests.failover.servers.replica_set import ReplicaSet
from tests.integration.sides import WriteSide

BRIEF_MS = 2_000


@dataclass
class Connections:
    """Connections to both sides, each as of another process. All are closed after the test."""

    settings: Settings
    replica_set: ReplicaSet
    open: ExitStack
    numbers: Iterator[int] = field(default_factory=lambda: count(1, 1_000))

    def write_side(self, timeout_ms: int = WORKER_TIMEOUT_MS) -> WriteSide:
        database = write_database(self.settings, timeout_ms)
        self.open.callback(database.client.close)
        write = WriteSide(database)
        write._numbers = count(next(self.numbers))  # no command has another one's id
        return write

    def read_database(self) -> Database[StoredDocument]:
        database = read_database(self.settings)
        self.open.callback(database.client.close)
        return database

    def to_the_set(self) -> Database[StoredDocument]:
        """The write database, for somebody who does not wait long."""
        return self._briefly(self.replica_set.uri)

    def beside(self, member: Member) -> Database[StoredDocument]:
        """The same of one member alone."""
        return self._briefly(self.replica_set.uri_of(member))

    def _briefly(self, uri: str) -> Database[StoredDocument]:
        client = self.open.enter_context(mongo_client(uri, BRIEF_MS))
        name = self.settings.write_database
        return client.get_database(name, codec_options=CODEC, write_concern=DURABLE, read_concern=SETTLED)
