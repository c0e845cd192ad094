"""The databases that the suites of this folder run over: mongomock's, and those of a real mongod."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from api.local.mongod import Mongod
from bus.connections import clients
from bus.connections.clients import CODEC, StoredDocument
from bus.inbox.inbox import Inbox
from bus.log.log import Log
from bus.settings import Settings
from tests.contract import accepted, mongomock_shim
from tests.contract.decisions import PARTITIONS
from tests.contract.watched_queries import Asked, Watched
from tests.support.databases import DatabaseNames


@pytest.fixture(params=["mongomock", "mongodb"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two. What mongomock cannot do says ``parametrize("kind", ["mongodb"])``, and why."""
    kind: str = request.param
    return kind


@pytest.fixture
def mongo_settings(request: pytest.FixtureRequest) -> Settings:
    """Of a real mongod, which is started when first asked for."""
    uri = request.getfixturevalue("mongo_server").uri
    names: DatabaseNames = request.getfixturevalue("mongo_database_names")
    return Settings(
        write_mongodb_uri=uri, write_database=names.write, read_mongodb_uri=uri, read_database=names.read
    )


@pytest.fixture
def write_database(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database[StoredDocument]]:
    if kind == "mongomock":
        yield mongomock_shim.database("write", monkeypatch)
        return
    database = clients.write_database(request.getfixturevalue("mongo_settings"))
    with database.client:
        yield database


@pytest.fixture
def read_database(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database[StoredDocument]]:
    if kind == "mongomock":
        yield mongomock_shim.database("read", monkeypatch)
        return
    database = clients.read_database(request.getfixturevalue("mongo_settings"))
    with database.client:
        yield database


@pytest.fixture
def log(write_database: Database[StoredDocument]) -> Log:
    log = Log(write_database, PARTITIONS)
    log.create()
    return log


@pytest.fixture
def inbox(write_database: Database[StoredDocument]) -> Inbox:
    inbox = Inbox(write_database, accepted.PARTITIONS)
    inbox.create()
    inbox.create()  # as every process does at start
    return inbox


@pytest.fixture
def watched(mongo_server: Mongod, mongo_database_names: DatabaseNames) -> Iterator[Watched]:
    """The write database, with every query kept."""
    asked = Asked()
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_server.uri, event_listeners=[asked])
    with client:
        yield Watched(client.get_database(mongo_database_names.write, codec_options=CODEC), asked)
