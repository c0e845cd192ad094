"""A primary that freezes with an operation on it holds nobody: it is tried again on the next primary.

Elections are as in a round, since no member can be elected at once while the primary is frozen. Nothing else
runs meanwhile: members that get no processor time do not elect in time, and that is not what is tested. Nor
is how soon the next primary's peer leaves the frozen one, before which nothing is confirmed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from bus.connections import clients
from bus.connections.clients import CODEC, DURABLE, SETTLED, mongo_client
from bus.inbox.inbox import Inbox
from tests.failover.servers.replica_set import ReplicaSet
from tests.interleavings.protection import Protection, must, protected_by
from tests.support import messages

pytestmark = pytest.mark.alone

TRIED_AGAIN = "what was under way is tried again on the next primary"
DONE = "and done by it"
AGAIN_S = 20.0
"""Several times what it takes with an election.

It is less than pymongo takes by itself, which is 30 s from the last word of the primary, before it froze.
"""
PYMONGO_HEARTBEAT_MS, PYMONGO_CONNECT_MS = 10_000, 20_000
TIMEOUT_MS = 90_000
END_S = 100.0


class _Attempts(CommandListener):
    """The servers at which a command was inserted or tried to be, in order."""

    def __init__(self) -> None:
        self.at: list[tuple[str, int | None]] = []
        self.again = threading.Event()

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "insert":
            self.at.append(event.connection_id)
            if len(self.at) > 1:
                self.again.set()

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@pytest.fixture(scope="module")
def electing(server_data: Path) -> Iterator[ReplicaSet]:
    with ReplicaSet(server_data / "electing") as replica_set:
        yield replica_set


@contextmanager
def _as_pymongo_has_it() -> Iterator[None]:
    with (
        mock.patch.object(clients, "HEARTBEAT_MS", PYMONGO_HEARTBEAT_MS),
        mock.patch.object(clients, "SILENT_MS", PYMONGO_CONNECT_MS),
    ):
        yield


@protected_by(Protection("giving up a server that is silent", TRIED_AGAIN, _as_pymongo_has_it))
def test_an_operation_on_a_frozen_primary_ends_on_the_next(electing: ReplicaSet) -> None:
    electing.restore()
    attempts = _Attempts()
    errors: list[PyMongoError | None] = []
    watched = partial(MongoClient, event_listeners=[attempts])
    with (
        mock.patch.object(clients, "MongoClient", watched),
        mongo_client(electing.uri, TIMEOUT_MS) as client,
    ):
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
        try:
            is_tried_again = attempts.again.wait(AGAIN_S)
            if is_tried_again:
                accepting.join(END_S)
        finally:
            frozen.resume()
        accepting.join(END_S)
    must(TRIED_AGAIN, is_tried_again and attempts.at[0] != attempts.at[-1], True)
    must(DONE, errors, [None])
