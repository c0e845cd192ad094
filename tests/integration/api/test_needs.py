"""With one database away, each route answers or is a 503 as its needs in the table of routes say."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pymongo
import pytest
from falcon import testing
from pydantic import SecretStr
from pymongo.errors import ServerSelectionTimeoutError

from api.app import create_app, routes
from api.middleware.access import Route
from api.middleware.needs import Store
from api.resources.health import Probe
from bus.connections.clients import read_database, redis_client, write_database
from bus.notify.notifier import Notifier
from read_side.projections.order_detail import ORDER_DETAIL
from tests.integration.api.both_sides import BothSides
from tests.integration.api.ops_services import NO_MONGODB
from tests.integration.api.stories import O1, place
from tests.integration.api.test_security_matrix import BODIES
from tests.integration.sides import partition
from tests.support.shop_api import Shop, services_over

BRIEF_S = 0.7
"""The seconds on the databases for a request that needs the one that is away."""
PATIENCE_S = 5.0
"""The same for any other: longer than a busy machine keeps the one that is there from answering."""
IDS = {"customer_id": "c1", "product_id": "p1", "order_id": O1, "command_id": "k1", "story_id": O1}
IDS |= {"failure_id": "nobody", "read_model": "products", "file": "nope", "code": "forbidden"}


@dataclass(frozen=True)
class Asked:
    """One method of one route, and whether it is asked for a strong read."""

    route: Route
    method: str
    strong: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.route.path}{'?consistency=strong' if self.strong else ''}"

    def needs(self, store: Store) -> bool:
        return store in self.route.needs_of(self.method, strong=self.strong)


def every(services: Any) -> Iterator[Asked]:
    for route in routes(services):
        for method in route.roles:
            yield Asked(route, method)
        if route.strong is not None:
            yield Asked(route, "GET", strong=True)


@contextmanager
def without(shop: Shop, store: Store) -> Iterator[Any]:
    """The services of an API that has the other database only; which of them is silent is known at once."""

    def silent() -> str:
        raise ServerSelectionTimeoutError("nobody")

    elsewhere = shop.settings.model_copy(update={f"{store}_mongodb_uri": SecretStr(NO_MONGODB)})
    write, read = write_database(elsewhere), read_database(elsewhere)
    with write.client, read.client, redis_client(elsewhere) as client, redis_client(elsewhere) as listening:
        notifier = Notifier(listening)
        services, _ = services_over(elsewhere, write=write, read=read, client=client, notifier=notifier)
        known = {f"{one}_store": Probe(silent if one is store else lambda: "ok") for one in Store}
        yield replace(services, probes={**services.probes, **known})


def open_the_shop(both: BothSides) -> None:
    """An order, and a parked stream for operators to ask about."""
    place(both)
    both.read.drain()
    both.park(ORDER_DETAIL.name, "customer-c2", 9, partition("c1"))


@pytest.mark.parametrize("store", Store)
def test_a_route_is_a_503_if_and_only_if_it_needs_what_is_away(both: BothSides, store: Store) -> None:
    open_the_shop(both)
    wrong = []
    with without(both.shop, store) as services:
        for asked in every(services):
            # A new application each time: its circuit is closed, so the route itself has to find out.
            told = ask(both.shop, create_app(services), asked, store)
            if is_away(told) is not asked.needs(store):
                wrong.append((str(asked), told.status_code, told.text[:80]))
    assert wrong == []


@pytest.mark.parametrize("store", Store)
def test_once_it_is_known_to_be_away_only_those_that_need_it_are_refused(
    both: BothSides, store: Store
) -> None:
    open_the_shop(both)
    refused: set[str] = set()
    served: set[str] = set()
    with without(both.shop, store) as services:
        app = create_app(services)
        for asked in every(services):
            (refused if is_away(ask(both.shop, app, asked, store)) else served).add(str(asked))
        needing = {str(asked) for asked in every(services) if asked.needs(store)}
    assert refused == needing
    assert {"GET /ops", "GET /docs", "GET /health/live", "GET /site/ops/{file}"} <= served


def test_a_command_is_done_though_nobody_can_tell_where_it_shows(both: BothSides) -> None:
    with without(both.shop, Store.READ) as services:
        app = create_app(services)
        asked = next(one for one in every(services) if str(one) == "POST /products")
        key = {"Idempotency-Key": "pot"}
        first = ask(both.shop, app, asked, Store.READ, **key)
        entry = both.shop.inbox.find(first.json["command_id"])
        assert entry is not None
        both.write.handling(entry.envelope)
        done = ask(both.shop, app, asked, Store.READ, Prefer="wait=2, visible", **key)
    assert done.status_code == 201
    assert done.headers["Preference-Applied"] == "wait"


def is_away(told: testing.Result) -> bool:
    """Return True if the answer says that a database cannot be reached."""
    return told.status_code == 503 and told.json["type"] == "/problems/unavailable"


def ask(shop: Shop, app: Any, asked: Asked, missing: Store, **headers: str) -> testing.Result:
    """Ask as somebody who may, with one database away."""
    roles = {role.value for role in asked.route.roles[asked.method]}
    who = shop.staff if "staff" in roles else shop.ops
    path = asked.route.path.format(**IDS)
    given = {**(who._default_headers or {}), **headers}
    query = {"consistency": "strong"} if asked.strong else {}
    body = BODIES.get(f"{asked.method} {asked.route.path}")
    client = testing.TestClient(app, headers=given)
    with pymongo.timeout(BRIEF_S if asked.needs(missing) else PATIENCE_S):
        return client.simulate_request(asked.method, path, params=query, json=body)


def test_every_route_says_what_it_needs(both: BothSides) -> None:
    [first, *_] = routes(both.shop.services)
    with pytest.raises(ValueError, match="have needs"):
        replace(first, needs={})
