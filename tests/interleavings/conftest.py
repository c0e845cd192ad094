"""Empty databases and Redis; each test makes what it needs, so that a protection can be left out."""

from collections.abc import Iterator

import pytest
import redis
from pymongo.database import Database

from bus.connections.clients import StoredDocument, read_database, redis_client, write_database
from bus.settings import Settings


@pytest.fixture
def database(settings: Settings) -> Iterator[Database[StoredDocument]]:
    """The write database."""
    database = write_database(settings)
    with database.client:
        yield database


@pytest.fixture
def read_models(settings: Settings) -> Iterator[Database[StoredDocument]]:
    """The read database."""
    database = read_database(settings)
    with database.client:
        yield database


@pytest.fixture
def client(settings: Settings) -> Iterator[redis.Redis]:
    with redis_client(settings) as client:
        yield client
