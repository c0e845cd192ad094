"""While a database is away, who needs it is told so at once; who does not is served."""

from typing import Any

import falcon
import pytest
from falcon import testing
from pymongo import errors

from api.circuit import Circuit, Needs, needs
from api.error_handlers import HANDLERS


class Database:
    """A resource that fails as long as its database does."""

    error: Exception | None = None
    asked = 0

    def on_get(self, _req: falcon.Request, _resp: falcon.Response) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error

    on_post = on_get


@pytest.fixture
def database() -> Database:
    return Database()


def app(database: Database, middleware: Circuit) -> falcon.App[Any, Any]:
    app: falcon.App[Any, Any] = falcon.App(middleware=[middleware])
    for kind, handler in HANDLERS.items():
        app.add_error_handler(kind, handler)
    for path in ("/orders", "/commands/k1", "/health/ready"):
        app.add_route(path, database)
    return app


@pytest.fixture
def client(database: Database) -> testing.TestClient:
    return testing.TestClient(app(database, Circuit(pause_s=3_600)))


def test_one_failure_spares_the_others(client: testing.TestClient, database: Database) -> None:
    database.error = errors.NetworkTimeout("silent")
    answers = [client.simulate_get("/orders") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503] * 5
    assert [answer.json["type"] for answer in answers] == ["/problems/unavailable"] * 5
    assert [answer.headers["Retry-After"] for answer in answers] == ["1"] * 5
    assert database.asked == 1


def test_what_needs_another_database_or_none_is_let_through(
    client: testing.TestClient, database: Database
) -> None:
    database.error = errors.AutoReconnect("gone")
    client.simulate_get("/orders")
    database.error = None
    assert client.simulate_post("/orders").status_code == 200
    assert client.simulate_get("/commands/k1").status_code == 200
    assert client.simulate_get("/health/ready").status_code == 200
    assert client.simulate_get("/orders").status_code == 503


def test_a_command_that_was_not_let_through_was_not_accepted(
    client: testing.TestClient, database: Database
) -> None:
    database.error = errors.AutoReconnect("gone")
    first, second = (client.simulate_post("/orders").json["detail"] for _ in range(2))
    assert "is not known" in first
    assert "was not carried out" in second


def test_one_that_gets_through_opens_the_way_for_all(database: Database) -> None:
    with_pause_over = testing.TestClient(app(database, Circuit(pause_s=0.0)))
    database.error = errors.AutoReconnect("gone")
    with_pause_over.simulate_get("/orders")
    database.error = None
    assert [with_pause_over.simulate_get("/orders").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("error", [errors.ExecutionTimeout("too slow"), errors.OperationFailure("wrong")])
def test_a_query_that_fails_is_nobody_elses_business(
    client: testing.TestClient, database: Database, error: Exception
) -> None:
    database.error = error
    assert [client.simulate_get("/orders").status_code for _ in range(3)] == [503] * 3
    assert database.asked == 3


@pytest.mark.parametrize(
    ("method", "path", "strong", "need"),
    [
        ("POST", "/orders", False, Needs.WRITE),
        ("PATCH", "/orders/o1/status", False, Needs.WRITE),
        ("GET", "/orders/o1", False, Needs.READ),
        ("HEAD", "/orders", False, Needs.READ),
        ("GET", "/orders/o1", True, Needs.BOTH),
        ("GET", "/commands/k1", False, Needs.BOTH),
        ("GET", "/events", False, Needs.BOTH),
        ("GET", "/ops/stories/o1", False, Needs.BOTH),
        ("GET", "/health/live", False, Needs.NONE),
        ("GET", "/openapi.json", False, Needs.NONE),
        ("GET", "/docs/style.css", False, Needs.NONE),
    ],
)
def test_what_a_request_needs(method: str, path: str, strong: bool, need: Needs) -> None:  # noqa: FBT001 - a table's column
    assert needs(method, path, strong=strong) is need
