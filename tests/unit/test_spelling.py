"""Which ways of writing a path lead to a route: the route's own, and no other."""

import falcon
import pytest
from falcon import testing
from waitress.parser import split_uri

from api.middleware.access import Router


class Told:
    """Answers with the id in its path."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response, **ids: str) -> None:
        resp.media = ids


@pytest.fixture(scope="module")
def client() -> testing.TestClient:
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App(router=Router())
    for path in ("/", "/orders", "/orders/{order_id}", "/orders/{order_id}/status"):
        app.add_route(path, Told())
    return testing.TestClient(app)


def ask(client: testing.TestClient, target: str) -> testing.Result:
    """Send a request target as waitress hands it on: decoded, without slashes at the beginning, and raw."""
    _, _, path, query, _ = split_uri(target.encode("latin-1"))
    return client.simulate_get(f"/{path.lstrip('/')}", query_string=query, extras={"REQUEST_URI": target})


@pytest.mark.parametrize(
    ("target", "ids"),
    [
        ("/", {}),
        ("/orders", {}),
        ("/orders?status=pending", {}),
        ("/orders?next=//x", {}),
        ("http://shop.example/orders?x=//", {}),
        ("http://shop.example/orders/o1", {"order_id": "o1"}),
        ("/orders/o1", {"order_id": "o1"}),
        ("/orders/a%40b/status", {"order_id": "a@b"}),
        ("/orders/auth0%7c5f7c", {"order_id": "auth0|5f7c"}),
        ("/orders/%61b", {"order_id": "ab"}),
    ],
)
def test_its_own_spelling_leads_to_a_route(
    client: testing.TestClient, target: str, ids: dict[str, str]
) -> None:
    result = ask(client, target)
    assert (result.status_code, result.json) == (200, ids)


@pytest.mark.parametrize(
    "target",
    [
        *("//", "//orders", "///orders", "/orders/", "/orders//", "//orders/o1", "/orders/o1/"),
        *("/orders//o1", "/orders//status", "/%6frders", "/%6Frders", "/orders%2fo1", "/orders%2Fo1/status"),
        *("/orders/o1%2Fstatus", "/orders/o1/%73tatus", "/%2Forders", "/orders%3f", "/Orders", "/orders;x"),
        *("/orders/o1/status;x", "/x/../orders", "/./orders", "/orders/.%2e/orders", "/orders#x"),
        *("/orders/o1#x", "http://shop.example//orders", "http://shop.example/%6frders"),
    ],
)
def test_another_spelling_leads_nowhere(client: testing.TestClient, target: str) -> None:
    assert ask(client, target).status_code == 404
