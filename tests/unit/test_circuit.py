"""While a database is away, who needs it is told so at once; who does not is served."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import falcon
import pytest
from falcon import testing
from pymongo import errors
from structlog.testing import capture_logs

from api.middleware.access import ANYONE, Route
from api.middleware.circuit import Circuit
from api.middleware.deadline import LATE
from api.middleware.error_handlers import HANDLERS
from api.middleware.needs import BOTH, NOTHING, READ, WRITE, Needs, Store


@dataclass
class Databases:
    """A resource, and the databases that it is to need: some hang, some answer."""

    error: Exception | None = None
    """What requests raise."""
    silent: Needs = NOTHING
    """Which of them do not answer a ping."""
    requests: int = 0
    pings: list[Store] = field(default_factory=list)

    def on_get(self, _req: falcon.Request, _resp: falcon.Response) -> None:
        self.requests += 1
        if self.error is not None:
            raise self.error

    on_post = on_get

    def ping(self, store: Store) -> None:
        self.pings.append(store)
        if store in self.silent:
            raise errors.NetworkTimeout("silent")

    def hang(self, silent: Needs) -> None:
        self.error, self.silent = errors.NetworkTimeout("silent"), silent

    def recover(self) -> None:
        self.error, self.silent = None, NOTHING


@pytest.fixture
def databases() -> Databases:
    return Databases()


def client(databases: Databases, pause_s: float = 3_600) -> testing.TestClient:
    anyone = {"GET": ANYONE, "POST": ANYONE}
    table = [
        Route("/orders", databases, anyone, {"GET": READ, "POST": WRITE}, strong=BOTH),
        Route("/commands/{command_id}", databases, anyone, BOTH),
        Route("/events", databases, anyone, WRITE),
        Route("/health/ready", databases, anyone, NOTHING),
    ]
    circuit = Circuit(table, {store: partial(databases.ping, store) for store in Store}, pause_s)
    app: falcon.App[Any, Any] = falcon.App(middleware=[circuit])
    for kind, handler in HANDLERS.items():
        app.add_error_handler(kind, handler)
    for route in table:
        app.add_route(route.path, _PathAside(databases))
    return testing.TestClient(app)


class _PathAside:
    """The resource without the parameters of its path."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    def on_get(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        self._databases.on_get(req, resp)

    on_post = on_get


def statuses(api: testing.TestClient, paths: Iterable[str]) -> list[int]:
    return [api.simulate_get(path).status_code for path in paths]


def test_a_server_that_hangs_costs_one_request_and_spares_the_others(databases: Databases) -> None:
    api = client(databases)
    databases.hang(READ)
    answers = [api.simulate_get("/orders") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503] * 5
    assert [answer.json["type"] for answer in answers] == ["/problems/unavailable"] * 5
    assert [answer.headers["Retry-After"] for answer in answers] == ["1"] * 5
    assert (databases.requests, databases.pings) == (1, [Store.READ])


def test_what_needs_another_database_or_none_is_let_through(databases: Databases) -> None:
    api = client(databases)
    databases.hang(READ)
    api.simulate_get("/orders")
    databases.recover()
    assert api.simulate_post("/orders").status_code == 200
    assert statuses(api, ["/events", "/health/ready"]) == [200, 200]
    assert statuses(api, ["/orders", "/commands/k1", "/orders?consistency=strong"]) == [503] * 3


def test_who_comes_too_late_is_refused_if_it_needs_a_database(databases: Databases) -> None:
    api = client(databases)
    late = {LATE: True}
    refused = [api.simulate_get(path, extras=late) for path in ("/orders", "/commands/k1", "/events")]
    assert [answer.status_code for answer in refused] == [503] * 3
    assert {answer.json["type"] for answer in refused} == {"/problems/overloaded"}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert (databases.requests, databases.pings) == (0, [])
    assert api.simulate_get("/health/ready", extras=late).status_code == 200


def test_a_request_that_needs_both_finds_out_which_is_away(databases: Databases) -> None:
    api = client(databases)
    databases.hang(WRITE)
    api.simulate_get("/commands/k1")
    databases.recover()
    assert statuses(api, ["/orders", "/events", "/commands/k1"]) == [200, 503, 503]


@pytest.mark.parametrize(
    "error",
    [
        errors.NetworkTimeout("slow"),
        errors.ExecutionTimeout("slow", 50),
        errors.WaitQueueTimeoutError("slow"),
    ],
)
def test_a_query_that_takes_too_long_is_nobody_elses_business(databases: Databases, error: Exception) -> None:
    api = client(databases)
    for _ in range(20):
        databases.error = error
        slow = api.simulate_get("/orders")
        assert (slow.status_code, slow.json["type"]) == (503, "/problems/too-slow")
        assert slow.headers["Retry-After"] == "1"
        databases.recover()
        assert statuses(api, ["/orders", "/commands/k1"]) == [200, 200]


def test_slow_queries_alone_for_a_long_time_close_nothing(databases: Databases) -> None:
    api = client(databases)
    databases.error = errors.NetworkTimeout("slow")
    assert statuses(api, ["/orders"] * 50) == [503] * 50
    assert databases.requests == 50


@pytest.mark.parametrize(
    "error", [errors.AutoReconnect("gone"), errors.ServerSelectionTimeoutError("nobody")]
)
def test_a_connection_that_broke_closes_nothing_if_the_server_answers(
    databases: Databases, error: Exception
) -> None:
    api = client(databases)
    databases.error = error
    assert api.simulate_get("/orders").json["type"] == "/problems/unavailable"
    databases.recover()
    assert statuses(api, ["/orders"]) == [200]


def test_a_query_that_fails_asks_nothing(databases: Databases) -> None:
    databases.error = errors.OperationFailure("wrong")
    assert statuses(client(databases), ["/orders"] * 3) == [503] * 3
    assert (databases.requests, databases.pings) == (3, [])


def test_what_became_of_a_command_is_told(databases: Databases) -> None:
    api = client(databases)
    databases.error = errors.NetworkTimeout("slow")
    slow = api.simulate_post("/orders").json["detail"]
    databases.hang(WRITE)
    first, second = (api.simulate_post("/orders").json["detail"] for _ in range(2))
    assert "is not known" in slow
    assert "is not known" in first
    assert "was not carried out" in second


def test_one_that_gets_through_opens_the_way_for_all(databases: Databases) -> None:
    api = client(databases, pause_s=0.0)
    databases.hang(BOTH)
    api.simulate_get("/commands/k1")
    databases.recover()
    assert statuses(api, ["/commands/k1", "/orders", "/events"]) == [200] * 3


def test_a_slow_query_that_gets_through_opens_it_too(databases: Databases) -> None:
    api = client(databases, pause_s=0.0)
    databases.hang(READ)
    api.simulate_get("/orders")
    databases.silent = NOTHING
    with capture_logs() as said:
        assert api.simulate_get("/orders").json["type"] == "/problems/too-slow"
    assert "MongoDB is back" in [line["event"] for line in said]


@pytest.mark.parametrize("needs", [{"GET": READ}, {"GET": READ, "POST": WRITE, "PATCH": WRITE}, {}])
def test_a_route_that_does_not_say_what_it_needs_is_an_error(
    databases: Databases, needs: dict[str, Needs]
) -> None:
    with pytest.raises(ValueError, match="have needs"):
        Route("/orders", databases, {"GET": ANYONE, "POST": ANYONE}, needs)


def test_what_a_route_needs_goes_by_method_and_consistency(databases: Databases) -> None:
    route = Route(
        "/orders", databases, {"GET": ANYONE, "POST": ANYONE}, {"GET": READ, "POST": WRITE}, strong=BOTH
    )
    assert [route.needs_of(method) for method in ("GET", "HEAD", "POST", "PATCH")] == [
        READ,
        READ,
        WRITE,
        NOTHING,
    ]
    assert [route.needs_of(method, strong=True) for method in ("HEAD", "POST")] == [BOTH, WRITE]
