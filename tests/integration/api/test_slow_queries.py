"""On a real mongod: one slow query closes nothing but itself, and a server that hangs is left alone."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import pymongo
import pytest
from falcon import testing
from pymongo.errors import ExecutionTimeout, NetworkTimeout

from api.app import create_app
from api.http.freshness import Freshness
from api.local.mongod import Mongod
from api.resources import health
from api.resources.health import Probe
from bus.connections.clients import mongo_client
from bus.connections.liveness import ServerLiveness
from bus.observability.outages import Dependency, Outages
from read_side.projections import product_sales
from tests.support import messages
from tests.support.processes import is_stopped
from tests.support.shop_api import Shop
from tests.support.waiting import until

BRIEF_S = 0.3
"""What a request may spend on the database here: long enough for one document, too short for a slow query."""
SLOW: list[Any] = [
    {
        "$match": {
            "$expr": {
                "$function": {"body": "function() { sleep(5000); return true }", "args": [], "lang": "js"}
            }
        }
    }
]
WAITS_S = 60.0
TOO_LATE = (NetworkTimeout, ExecutionTimeout)
"""What an operation raises whose time is up: while it waits for the answer, or before it is sent."""


@contextmanager
def slow_analytics() -> Iterator[None]:
    """Within the block, best sellers take 5 s per document, on the server."""

    def best_sellers(documents: Any, **_: object) -> Any:
        return documents.aggregate(SLOW)

    with mock.patch.object(product_sales, "best_sellers", best_sellers):
        yield


@pytest.fixture
def busy(shop: Shop) -> Shop:
    shop.happened("product-p1", messages.product_added())
    return shop


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a server whether it answers waits longer than a busy machine keeps it from that."""
    monkeypatch.setattr(ServerLiveness.__init__, "__defaults__", (WAITS_S,))
    monkeypatch.setattr(health, "PROBE_S", WAITS_S)


def slow_query(api: testing.TestClient) -> testing.Result:
    with pymongo.timeout(BRIEF_S):  # as api.middleware.deadline.bounded does, with more of it
        return api.simulate_get("/analytics/products")


@pytest.mark.usefixtures("patient")
def test_a_slow_query_is_a_503_of_its_own(busy: Shop) -> None:
    api = busy.staff
    with slow_analytics():
        for _ in range(5):
            slow = slow_query(api)
            assert (slow.status_code, slow.json["type"]) == (503, "/problems/too-slow")
            assert slow.headers["Retry-After"] == "1"
            assert [api.simulate_get(path).status_code for path in ("/products/p1", "/orders")] == [200, 200]


@pytest.mark.usefixtures("patient")
def test_many_slow_queries_at_once_close_nothing(busy: Shop) -> None:
    api = busy.staff
    with slow_analytics(), ThreadPoolExecutor(8) as callers:
        waiting = [callers.submit(slow_query, api) for _ in range(16)]
        assert [api.simulate_get("/products/p1").status_code for _ in range(20)] == [200] * 20
        assert {one.result(WAITS_S).json["type"] for one in waiting} == {"/problems/too-slow"}
    assert busy.client().simulate_get("/health/ready").json["parts"]["read_store"] == "ok"


@pytest.mark.usefixtures("patient")
def test_the_connections_of_others_stay_as_they_are(busy: Shop) -> None:
    pool = _pool(busy.read.client)
    before = pool.gen.get_overall()
    with slow_analytics():
        slow_query(busy.staff)
    assert pool.gen.get_overall() == before, "a new generation would close every connection"


def _pool(client: Any) -> Any:
    client.admin.command("ping")
    [server] = client._topology._servers.values()
    return server.pool


@pytest.mark.usefixtures("patient")
def test_a_worker_does_not_take_a_slow_query_for_an_outage(busy: Shop) -> None:
    outages = Outages({Dependency.MONGODB: lambda: busy.read.command("ping")}, threading.Event())
    with pymongo.timeout(BRIEF_S), pytest.raises(TOO_LATE) as slow:
        list(busy.read["product_sales.g1"].aggregate(SLOW))
    assert not outages.noticed(slow.value)


@contextmanager
def stopped(mongod: Mongod, client: Any) -> Iterator[None]:
    """Within the block mongod does nothing, and its connections stay open."""
    pid = client.admin.command("serverStatus")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        until(partial(is_stopped, pid), WAITS_S, "all of its threads stand still")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        assert mongod.uri


def test_a_server_that_hangs_is_left_alone_after_the_first_request(busy: Shop, mongo_server: Mongod) -> None:
    api, asked = busy.staff, 0
    live = Freshness.live

    def counted(self: Freshness, *args: Any) -> Any:
        nonlocal asked
        asked += 1
        return live(self, *args)

    assert api.simulate_get("/products/p1").status_code == 200
    with mock.patch.object(Freshness, "live", counted), stopped(mongo_server, busy.read.client):
        with pymongo.timeout(BRIEF_S):
            first = api.simulate_get("/products/p1")
        told = [api.simulate_get("/products/p1") for _ in range(20)]
    assert [one.json["type"] for one in (first, *told)] == ["/problems/unavailable"] * 21
    assert asked < 5, "one, and one for each second that the others took"


def test_a_server_that_hangs_is_an_outage_to_a_worker(mongo_server: Mongod, busy: Shop) -> None:
    client = mongo_client(mongo_server.uri, 300)
    outages = Outages({Dependency.MONGODB: lambda: client.admin.command("ping")}, threading.Event())
    with client:
        with pymongo.timeout(WAITS_S):
            client.admin.command("ping")  # it is connected before the server hangs
        with stopped(mongo_server, busy.read.client):
            with pytest.raises(TOO_LATE) as hanging:
                client.admin.command("ping")
            assert outages.noticed(hanging.value)


def test_the_circuit_asks_what_the_health_check_asks(busy: Shop) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("read")
        return "ok"

    probes = {**busy.services.probes, "read_store": Probe(ask)}
    api = create_app(replace(busy.services, probes=probes))
    client = testing.TestClient(api, headers=busy.staff._default_headers)
    with slow_analytics():
        slow_query(client)
    assert asked == ["read"]
    assert ServerLiveness(probes["write_store"].ask, WAITS_S).answers()
