"""Real servers for every test that asks for them: started once per session on free ports, stopped at its end.

A test that needs a server fails when there is none; it never skips. What a test leaves in a server is gone
before the next: databases have names of their own and are dropped, Redis is flushed.
"""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
import structlog
from pymongo import MongoClient

from api.local.mongod import Mongod
from api.local.redis_server import RedisServer
from bus.settings import Settings
from tests.browser.left_out import LeftOut, may_leave_out
from tests.support import datasets, own_ports, scheduling, server_folders
from tests.support.databases import DatabaseNames
from tests.support.recorded import Recorded


def pytest_configure(config: pytest.Config) -> None:
    slow = hypothesis.HealthCheck.too_slow
    examples = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))  # fewer where the same tests run once more
    hypothesis.settings.register_profile(
        "untimed", max_examples=examples, deadline=None, suppress_health_check=[slow]
    )
    hypothesis.settings.load_profile("untimed")  # no test asserts a time
    server_folders.prefer_memory()
    own_ports.draw_own()
    for need in may_leave_out():
        config.pluginmanager.register(LeftOut(need))
    if datasets.missing():
        config.pluginmanager.register(datasets.NotThere())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.BySharedServers:
    return scheduling.BySharedServers(config, log)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings do not reach the tests."""
    for name in list(os.environ):
        if name.lower() in {*Settings.model_fields, "port"}:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """How a command has set up its logs ends with its test, at whose end their stream is closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """What a command holds back in the test's own process, the processes of later tests would inherit."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture(scope="session")
def server_data() -> Iterator[Path]:
    """Not pytest's tmp_path, which keeps the data of the last three runs: MongoDB's is 300 MB each."""
    with server_folders.server_folder("twofold-tests-") as folder:
        yield folder


@pytest.fixture(scope="module", params=datasets.there())
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Recorded trade in files, and what they say."""
    return datasets.read(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def redis_server(server_data: Path) -> Iterator[RedisServer]:
    with RedisServer(server_data) as server:
        yield server


@pytest.fixture(scope="session")
def mongo_server(server_data: Path) -> Iterator[Mongod]:
    with Mongod(server_data) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """A Redis with nothing in it."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def mongo_database_names(mongo_server: Mongod) -> Iterator[DatabaseNames]:
    """Two databases that nobody else uses."""
    test = uuid.uuid4().hex[:12]
    names = DatabaseNames(write=f"write_{test}", read=f"read_{test}")
    yield names
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_server.uri)
    with client:
        for name in names:
            client.drop_database(name)


@pytest.fixture
def settings(redis_url: str, mongo_server: Mongod, mongo_database_names: DatabaseNames) -> Settings:
    """The defaults, on the test's own Redis and databases."""
    return Settings(
        redis_url=redis_url,
        write_mongodb_uri=mongo_server.uri,
        write_database=mongo_database_names.write,
        read_mongodb_uri=mongo_server.uri,
        read_database=mongo_database_names.read,
    )
