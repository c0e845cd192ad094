"""A primary that freezes with an operation on it holds nobody: the operation ends on the next primary.

Elections are as in a round, since no member can be elected at once while the primary is frozen.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from pymongo.errors import PyMongoError

from bus import connections
from bus.connections import CODEC, DURABLE, SETTLED, mongo_client
from bus.inbox import Inbox
from tests import messages
from tests.failover.servers.replica_set import ReplicaSet
from tests.interleavings.protection import Protection, must, protected_by

SERVED = "what was under way is done by the next primary"
TIMEOUT_MS = 20_000
"""Of the operation: four times what it takes, and less than pymongo takes to notice by itself (30 s)."""
PYMONGO_HEARTBEAT_MS, PYMONGO_CONNECT_MS = 10_000, 20_000
END_S = 60.0


@pytest.fixture(scope="module")
def electing(server_data: Path) -> Iterator[ReplicaSet]:
    with ReplicaSet(server_data / "electing") as replica_set:
        yield replica_set


@contextmanager
def _as_pymongo_has_it() -> Iterator[None]:
    with (
        mock.patch.object(connections, "HEARTBEAT_MS", PYMONGO_HEARTBEAT_MS),
        mock.patch.object(connections, "SILENT_MS", PYMONGO_CONNECT_MS),
    ):
        yield


@protected_by(Protection("giving up a server that is silent", SERVED, _as_pymongo_has_it))
def test_an_operation_on_a_frozen_primary_ends_on_the_next(electing: ReplicaSet) -> None:
    electing.restore()
    errors: list[PyMongoError | None] = []
    with mongo_client(electing.uri, TIMEOUT_MS) as client:
        database = client.get_database(
            "frozen", codec_options=CODEC, write_concern=DURABLE, read_concern=SETTLED
        )
        inbox = Inbox(database, 1)
        inbox.create()
        frozen = electing.until_primary()

        def accept() -> None:
            try:
                inbox.accept_all([(messages.envelope(), None)])
            except PyMongoError as error:
                errors.append(error)
            else:
                errors.append(None)

        frozen.pause()
        accepting = threading.Thread(target=accept)
        accepting.start()
        accepting.join(END_S)
        frozen.resume()
        accepting.join(END_S)
    must(SERVED, [error is None for error in errors], [True])
