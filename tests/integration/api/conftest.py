"""The API over databases that the tests of one module share, empty for each."""

from collections.abc import Iterator

import pytest

from api.local.mongod import Mongod
from api.local.redis_server import RedisServer
from api.ops import flow, queues, read_models
from api.resources import health
from tests.integration.api.both_sides import BothSides, open_both
from tests.support.openapi import Description, every_answer_checked
from tests.support.shop_api import Shop, open_shop, settings_for_a_module


@pytest.fixture(scope="session")
def description() -> Description:
    return Description()


@pytest.fixture(autouse=True)
def _as_described(description: Description) -> Iterator[None]:
    """Whatever a test asks the API, the answer is one that ``/openapi.json`` describes."""
    with every_answer_checked(description):
        yield


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Health checks and dashboards wait longer for a database than a busy machine keeps it from answering."""
    monkeypatch.setattr(health, "PROBE_S", 5.0)
    for module in (flow, queues, read_models):
        monkeypatch.setattr(module, "LOOK_S", 30.0)


@pytest.fixture(scope="module")
def opened(redis_server: RedisServer, mongo_server: Mongod) -> Iterator[Shop]:
    with open_shop(settings_for_a_module(redis_server.url, mongo_server.uri)) as shop:
        yield shop


@pytest.fixture
def shop(opened: Shop) -> Shop:
    opened.empty()
    return opened


@pytest.fixture(scope="module")
def opened_both(redis_server: RedisServer, mongo_server: Mongod) -> Iterator[BothSides]:
    with open_both(redis_server, mongo_server) as both:
        yield both


@pytest.fixture
def both(opened_both: BothSides) -> BothSides:
    opened_both.start_anew()
    return opened_both
