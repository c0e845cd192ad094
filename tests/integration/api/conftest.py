"""The API over databases that the tests of one module share, empty for each."""

from collections.abc import Iterator

import pytest

from bus.local.mongod import Mongod
from bus.local.redis_server import RedisServer
from tests.shop_api import Shop, open_shop, settings_for_a_module


@pytest.fixture(scope="module")
def opened(redis_server: RedisServer, mongo_server: Mongod) -> Iterator[Shop]:
    with open_shop(settings_for_a_module(redis_server.url, mongo_server.uri)) as shop:
        yield shop


@pytest.fixture
def shop(opened: Shop) -> Shop:
    opened.empty()
    return opened
