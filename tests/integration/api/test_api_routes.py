"""Who may use which route, and health."""

from dataclasses import replace

import pytest
from falcon import testing
from pydantic import SecretStr

from api.app import create_app, routes
from api.middleware.access import ANYONE
from api.resources.health import probes
from bus.connections.clients import write_database
from bus.messages.principal import Role
from bus.observability.heartbeats import Heartbeat
from bus.settings import Settings
from read_side.projector.checkpoints import Checkpoints
from tests.support.shop_api import Shop, open_shop

pytestmark = pytest.mark.usefixtures("unhurried")


def test_roles_are_kept_apart_on_every_route(shop: Shop) -> None:
    clients = {Role.CUSTOMER: shop.ann, Role.STAFF: shop.staff, Role.OPS: shop.ops}
    clients[Role.METRICS] = shop.client(Role.METRICS, "prometheus")
    assert set(clients) == set(Role)
    table = routes(shop.services)
    assert {route.path for route in table if ANYONE in route.roles.values()} == {
        "/",
        "/health/live",
        "/health/ready",
        "/problems",
        "/problems/{code}",
        "/openapi.json",
        "/docs",
        "/docs/{file}",
        "/ops",  # the page; what it shows it has to ask for
        "/site/ops/{file}",
        "/site/pages/{file}",
    }

    for route in table:
        path = route.path.replace("{customer_id}", "c1").replace("{", "").replace("}", "")
        for method, roles in route.roles.items():
            for role, client in clients.items():
                status = client.simulate_request(method, path).status_code
                assert (status == 403) is (bool(roles) and role not in roles), (method, path, role)
            anonymous = shop.client().simulate_request(method, path)
            assert (anonymous.status_code == 401) is bool(roles)
            assert bool(roles) is ("www-authenticate" in anonymous.headers)


def test_what_is_not_there_is_a_problem(shop: Shop) -> None:
    missing = shop.client().simulate_get("/nope")
    refused = shop.client().simulate_delete("/orders")

    assert missing.status_code == 404
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    for result in (missing, refused):
        assert result.headers["content-type"] == "application/problem+json"


def test_ready_names_its_parts(shop: Shop) -> None:
    result = shop.client().simulate_get("/health/ready")

    assert (result.status_code, result.json["status"]) == (200, "degraded"), "nobody works here"
    assert result.json["parts"] == {
        **dict.fromkeys(("process", "write_store", "read_store", "read_models", "time_zone", "bus"), "ok"),
        **dict.fromkeys(("commands", "projections", "clock"), "no heartbeat"),
    }


def test_with_a_worker_of_each_kind_it_is_ready(shop: Shop) -> None:
    workers = [Heartbeat(shop.write, kind) for kind in ("commands", "projections", "clock")]
    for worker in workers:
        worker.beat()
    result = shop.client().simulate_get("/health/ready")
    workers[1].end()
    without = shop.client().simulate_get("/health/ready")
    for worker in workers:
        worker.end()

    assert (result.status_code, result.json["status"]) == (200, "ready")
    assert set(result.json["parts"].values()) == {"ok"}
    assert (without.status_code, without.json["status"]) == (200, "degraded"), "what is kept will be done"
    assert {part for part, said in without.json["parts"].items() if said != "ok"} == {"projections"}


def test_while_it_drains_it_is_not_ready(settings: Settings) -> None:
    with open_shop(settings, draining=True) as shop:
        result = shop.client().simulate_get("/health/ready")
        live = shop.client().simulate_get("/health/live")

    assert (result.status_code, result.json["parts"]["process"]) == (503, "draining")
    assert live.status_code == 200


def test_without_mongodb_it_says_so_and_lives(shop: Shop) -> None:
    nowhere = write_database(
        shop.settings.model_copy(update={"write_mongodb_uri": SecretStr("mongodb://127.0.0.1:1")})
    )
    with nowhere.client:
        parts = probes(nowhere, shop.read, shop.redis, Checkpoints(shop.read), prepared=lambda: True)
        api = testing.TestClient(create_app(replace(shop.services, probes=parts)))
        result = api.simulate_get("/health/ready")
        live = api.simulate_get("/health/live")

    assert (result.status_code, live.status_code) == (503, 200)
    assert result.json["parts"] == {
        "process": "ok",
        "write_store": "unavailable",
        **dict.fromkeys(("read_store", "read_models", "time_zone", "bus"), "ok"),
        **dict.fromkeys(("commands", "projections", "clock"), "unknown"),
    }


def test_without_redis_it_is_degraded_and_ready(settings: Settings) -> None:
    with open_shop(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})) as shop:
        result = shop.client().simulate_get("/health/ready")

        assert (result.status_code, result.json["status"]) == (200, "degraded")
        assert result.json["parts"]["bus"] == "unavailable"
        assert shop.staff.simulate_get("/orders").status_code == 200


def test_before_the_projections_have_run_it_is_not_ready(settings: Settings) -> None:
    with open_shop(settings) as shop:
        shop.read["checkpoints"].delete_many({"name": "order_detail"})

        result = shop.client().simulate_get("/health/ready")

        assert result.status_code == result.json["status"] == 503
        assert result.headers["content-type"] == "application/problem+json"
        assert result.json["parts"]["read_models"] == "starting"
