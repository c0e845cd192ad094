"""What browsers are told with every answer, and what strangers are not told where that is switched off."""

from dataclasses import replace
from typing import Any

import falcon
import pytest
from falcon import testing

from api.app import create_app
from api.middleware.auth import Verifier
from api.openapi.command import unwired
from api.resources.health import Probe, ReadyResource
from api.tokens import sign
from bus.messages.principal import Role
from bus.settings import Settings
from tests.unit.test_site import PATHS

SETTINGS = Settings(jwt_secret="a secret that is long enough to sign with")
DESCRIPTION = [path for path in PATHS if path.startswith(("/docs", "/openapi"))]
PARTS = {"one": Probe(lambda: "ok"), "other": Probe(lambda: "ill", needed=False)}


def token(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign(SETTINGS, role, 'somebody')}"}


@pytest.fixture(scope="module")
def closed() -> testing.TestClient:
    verifier = Verifier.from_settings(SETTINGS)
    return testing.TestClient(create_app(replace(unwired(), verifier=verifier, public_details=False)))


def ready(parts: dict[str, Probe]) -> testing.TestClient:
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    app.add_route("/", ReadyResource(parts, verifier=Verifier.from_settings(SETTINGS)))
    return testing.TestClient(app)


@pytest.mark.parametrize("path", DESCRIPTION)
def test_a_closed_description_is_for_operators(closed: testing.TestClient, path: str) -> None:
    assert closed.simulate_get(path).status_code == 401
    assert closed.simulate_get(path, headers=token(Role.STAFF)).status_code == 403
    assert closed.simulate_get(path, headers=token(Role.OPS)).status_code == 200


def test_other_pages_stay_open(closed: testing.TestClient) -> None:
    for path in {"/", "/ops", "/problems", *PATHS} - set(DESCRIPTION):
        assert closed.simulate_get(path).status_code == 200


def test_strangers_are_told_whether_it_is_ready() -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, token(Role.STAFF)):
        assert ready(PARTS).simulate_get("/", headers=headers).json == {"status": "degraded"}


def test_operators_are_told_each_part() -> None:
    told = ready(PARTS).simulate_get("/", headers=token(Role.OPS)).json
    assert told == {"status": "degraded", "parts": {"one": "ok", "other": "ill"}}


def test_so_too_while_it_is_not_ready() -> None:
    for headers, parts in (({}, None), (token(Role.OPS), {"one": "ill"})):
        result = ready({"one": Probe(lambda: "ill")}).simulate_get("/", headers=headers)
        assert result.status_code == 503
        assert result.json.get("parts") == parts


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/nothing", 404),
        ("GET", "/orders", 401),
        ("PUT", "/orders", 405),
    ],
)
@pytest.mark.parametrize(
    ("hsts_s", "told"), [(None, None), (31_536_000, "max-age=31536000"), (0, "max-age=0")]
)
def test_every_answer_tells_browsers(
    method: str, path: str, status: int, hsts_s: int | None, told: str | None
) -> None:
    services: Any = replace(unwired(), verifier=Verifier.from_settings(SETTINGS))
    result = testing.TestClient(create_app(services, hsts_s=hsts_s)).simulate_request(method, path)

    assert result.status_code == status
    assert result.headers["x-content-type-options"] == "nosniff"
    assert result.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in result.headers["permissions-policy"]
    assert result.headers.get("strict-transport-security") == told
