"""What the tests with real servers share; a file that needs more of one of these has its own on top."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pymongo.database import Database

from bus.connections.clients import StoredDocument, read_database, redis_client, write_database
from bus.inbox.command_records import CommandRecords
from bus.inbox.inbox import Inbox
from bus.log.log import Log
from bus.settings import Settings
from tests.integration.sides import ReadSide, WriteSide


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A DATA_DIR of the test's own, with a space in it; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="twofold data ") as folder:
        yield Path(folder)


@pytest.fixture
def client(settings: Settings) -> Iterator[redis.Redis]:
    with redis_client(settings) as client:
        yield client


@pytest.fixture
def database(settings: Settings) -> Iterator[Database[StoredDocument]]:
    """The write database."""
    database = write_database(settings)
    with database.client:
        yield database


@pytest.fixture
def write(settings: Settings) -> Iterator[WriteSide]:
    database = write_database(settings)
    write = WriteSide(database)
    write.create()
    yield write
    database.client.close()


@pytest.fixture
def read(settings: Settings, write: WriteSide) -> Iterator[ReadSide]:
    database = read_database(settings)
    read = ReadSide(write.log, database)
    read.create()
    yield read
    database.client.close()


@pytest.fixture
def inbox(database: Database[StoredDocument]) -> Inbox:
    inbox = Inbox(database, 4)
    inbox.create()
    return inbox


@pytest.fixture
def records(database: Database[StoredDocument]) -> CommandRecords:
    return CommandRecords(database, Inbox(database, 4), Log(database, 4))
