"""What operators do and are shown over HTTP is in the audit trail, as the routes say; and its pages."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from falcon import testing
from structlog.testing import capture_logs

from api.app import routes
from api.http import cursors
from api.openapi.command import unwired
from bus.audit_trail import trail
from bus.audit_trail.actions import Action
from bus.audit_trail.trail import TrailEntry
from bus.messages.principal import Role
from read_side.projections.customers import CUSTOMERS
from tests.integration.api.both_sides import BothSides
from tests.integration.api.test_needs import IDS
from tests.integration.api.test_security_matrix import BODIES
from tests.integration.sides import partition
from tests.support.shop_api import Shop
from tests.support.unwritable_trail import accept_entries, everything_else, refuse_entries

Row = tuple[str, str, Action]


def recorded() -> Iterator[Row]:
    for route in routes(unwired()):
        for method in route.roles:
            if action := route.recorded_as(method):
                yield method, route.path, action


ROWS = tuple(recorded())


@pytest.fixture
def shop(both: BothSides) -> BothSides:
    """A shop in which read models have a stream parked, which there is to ask for."""
    both.park(CUSTOMERS.name, "customer-c1", 9, partition("c1"))
    return both


def ask(shop: Shop, row: Row, client: testing.TestClient | None = None) -> testing.Result:
    method, path, _ = row
    body = BODIES.get(f"{method} {path}")
    return (client or shop.ops).simulate_request(method, path.format(**IDS), json=body)


def entries(shop: Shop) -> list[TrailEntry]:
    return shop.services.trail.page(100)[0]


def test_what_changes_something_and_what_shows_personal_data_is_in_the_table() -> None:
    assert {f"{method} {path}" for method, path, _ in ROWS} == {
        *("POST /ops/dead/{failure_id}/retry", "POST /ops/dead/{failure_id}/discard"),
        *("POST /ops/parked/retry", "POST /ops/rebuilds", "POST /ops/rebuilds/{read_model}/stop"),
        *(
            "GET /commands/{command_id}",
            "GET /ops/commands",
            "GET /events",
            "GET /ops/stories/{story_id}",
            "GET /ops/dead",
        ),
        *("GET /ops/dead/{failure_id}", "GET /ops/parked", "GET /ops/audit-trail"),
    }


@pytest.mark.parametrize("row", ROWS)
def test_each_leaves_an_entry(shop: BothSides, row: Row) -> None:
    ask(shop.shop, row)
    [entry] = entries(shop.shop)
    assert (entry.who, entry.address, entry.through) == ("ops:olga", "127.0.0.1", "http")
    assert (entry.action, entry.count) == (row[2], 1)
    is_done = row[2].is_read or row[2] is Action.REQUEST_REBUILD
    assert entry.outcome == ("done" if is_done else "refused")
    assert entry.target or "{" not in row[1]


@pytest.mark.parametrize("row", ROWS)
def test_what_cannot_be_recorded_is_neither_done_nor_shown(shop: BothSides, row: Row) -> None:
    refuse_entries(shop.shop.write)
    try:
        before = everything_else(shop.shop.write, shop.shop.read)
        result = ask(shop.shop, row)
        assert (result.status_code, result.json["type"]) == (503, "/problems/unavailable")
        assert everything_else(shop.shop.write, shop.shop.read) == before
    finally:
        accept_entries(shop.shop.write)


@pytest.mark.usefixtures("unhurried")
def test_other_roles_and_refused_callers_leave_none(shop: BothSides) -> None:
    row = next(row for row in ROWS if row[2] is Action.READ_COMMAND)
    for client in (shop.shop.staff, shop.shop.ann, shop.shop.client()):
        ask(shop.shop, row, client)
    for row in ROWS:
        ask(shop.shop, row, shop.shop.client())
    for path in ("/ops/flow", "/ops/queues", "/ops/read-models", "/ops/rebuilds", "/metrics"):
        assert shop.shop.ops.simulate_get(path).status_code == 200
    assert entries(shop.shop) == []


def test_the_line_of_a_refused_request_says_who_asked(shop: BothSides) -> None:
    with capture_logs() as logged:
        shop.shop.ann.simulate_get("/ops/dead")
    assert [(line["status"], line["role"], line["subject"]) for line in logged] == [(403, "customer", "c1")]


def test_who_looks_again_is_counted(shop: BothSides, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the same hour of the process's clock."""
    monkeypatch.setattr(trail, "time", SimpleNamespace(time=lambda: 1_714_566_600.0))
    for _ in range(3):
        shop.shop.ops.simulate_get("/ops/stories/o1")
    shop.shop.ops.simulate_head("/ops/stories/o1")
    shop.shop.client(Role.OPS, "oscar").simulate_get("/ops/stories/o1")
    assert sorted((entry.who, entry.target, entry.count) for entry in entries(shop.shop)) == [
        ("ops:olga", "o1", 4),
        ("ops:oscar", "o1", 1),
    ]


@pytest.mark.parametrize("story", ["%ED%A0%80", "%00", "$where", "a%0Ab", "x" * 3_000])
def test_whatever_is_asked_for_is_recorded(shop: BothSides, story: str) -> None:
    assert shop.shop.ops.simulate_get(f"/ops/stories/{story}").status_code == 404
    [entry] = page(shop.shop, action="read_story")["entries"]
    assert 0 < len(entry["target"]) <= 256


def test_what_became_of_a_retry_is_recorded(shop: BothSides) -> None:
    body = BODIES["POST /ops/parked/retry"]
    [row] = shop.shop.ops.simulate_post("/ops/parked/retry", json=body).json["results"]
    [entry] = entries(shop.shop)
    assert (row["result"], entry.outcome, entry.target) == ("rebuild", "refused", "customers customer-c1")


def page(shop: Shop, **query: Any) -> dict[str, Any]:
    result = shop.ops.simulate_get("/ops/audit-trail", params=query)
    assert result.status_code == 200, result.text
    told: dict[str, Any] = result.json
    return told


def test_the_trail_is_shown_page_by_page(shop: BothSides) -> None:
    for model in ("products", "customers", "order_detail"):
        shop.shop.ops.simulate_post("/ops/rebuilds", json={"read_model": model})
    first = page(shop.shop, limit=2)
    assert first["entries"][1] == {
        "at": first["entries"][1]["at"],
        "who": "ops:olga",
        "address": "127.0.0.1",
        "through": "http",
        "action": "request_rebuild",
        "target": "order_detail",
        "outcome": "done",
        "count": 1,
    }
    second = page(shop.shop, limit=2, cursor=first["next_cursor"])
    targets = [entry["target"] for entry in [*first["entries"], *second["entries"]]]
    assert targets == ["", "order_detail", "customers", "products"]
    assert second["next_cursor"] is None
    assert first["entries"][0]["action"] == "read_audit_trail"


def test_the_trail_can_be_narrowed(shop: BothSides) -> None:
    shop.shop.ops.simulate_post("/ops/rebuilds", json={"read_model": "products"})
    shop.shop.client(Role.OPS, "oscar").simulate_get("/ops/parked")
    assert [one["action"] for one in page(shop.shop, who="ops:oscar")["entries"]] == ["read_parked"]
    narrowed = page(shop.shop, action="request_rebuild", who="ops:olga", limit=1)
    assert [one["target"] for one in narrowed["entries"]] == ["products"]
    assert page(shop.shop, action="drop_generation") == {"entries": [], "next_cursor": None}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "action=dance", "who=", "cursor=x", "since=1"])
def test_other_questions_are_refused(shop: BothSides, query: str) -> None:
    assert shop.shop.ops.simulate_get(f"/ops/audit-trail?{query}").status_code == 400


def test_a_forged_cursor_is_refused(shop: BothSides) -> None:
    cursor = cursors.encode(("audit-trail", None, None), [2**62, "x"])
    result = shop.shop.ops.simulate_get("/ops/audit-trail", params={"cursor": cursor})
    assert (result.status_code, result.json["type"]) == (400, "/problems/malformed-cursor")


def test_a_cursor_belongs_to_its_filter(shop: BothSides) -> None:
    for model in ("products", "customers"):
        shop.shop.ops.simulate_post("/ops/rebuilds", json={"read_model": model})
    cursor = page(shop.shop, limit=1)["next_cursor"]
    result = shop.shop.ops.simulate_get("/ops/audit-trail", params={"cursor": cursor, "who": "ops:olga"})
    assert (result.status_code, result.json["type"]) == (400, "/problems/malformed-cursor")
