"""Rebuilds over HTTP: asked for, followed and stopped."""

import json
from typing import Any

import pytest
from falcon import testing

from read_side.generations.generations import Generations
from read_side.projections import READ_MODELS
from read_side.projections.products import PRODUCTS
from read_side.rebuild.rebuild_requests import RebuildRequests
from tests.support.shop_api import Shop


def post(shop: Shop, path: str, body: Any = None) -> testing.Result:
    return shop.ops.simulate_post(path, json=body)


def rebuilds(shop: Shop) -> dict[str, Any]:
    result = shop.ops.simulate_get("/ops/rebuilds")
    assert result.status_code == 200
    return {row["read_model"]: row for row in result.json["rebuilds"]}


def test_a_rebuild_is_asked_for_followed_and_stopped(shop: Shop) -> None:
    assert rebuilds(shop) == {}
    body = {"read_model": "products"}
    asked = post(shop, "/ops/rebuilds", body)
    assert asked.status_code == 202
    assert (asked.json["state"], asked.json["requested_by"]) == ("requested", "ops:olga")
    assert rebuilds(shop) == {"products": asked.json}
    again = post(shop, "/ops/rebuilds", body)
    assert (again.status_code, again.json["type"]) == (409, "/problems/rebuild-under-way")

    requests = RebuildRequests(shop.read)
    claim = requests.take(READ_MODELS, "host:1")
    assert claim is not None
    requests.tell(claim, generation=2, phase="filling", done=5, total=9, per_s=10.0, left_s=0.4)
    row = rebuilds(shop)["products"]
    assert (row["state"], row["phase"], row["done"], row["left_s"]) == ("running", "filling", 5, 0.4)
    assert post(shop, "/ops/rebuilds/products/stop").json["state"] == "running"
    assert requests.tell(claim) is True
    requests.give_back(claim)
    assert rebuilds(shop)["products"]["state"] == "stopped"
    assert post(shop, "/ops/rebuilds/products/stop").status_code == 409

    assert post(shop, "/ops/rebuilds", body).status_code == 202
    claim = requests.take(READ_MODELS, "host:1")
    assert claim is not None
    result = {"commits": 9, "seconds": 1.5, "parked": 0, "differences": 2}
    requests.succeed(claim, result)
    assert (rebuilds(shop)["products"]["state"], rebuilds(shop)["products"]["result"]) == (
        "succeeded",
        result,
    )


def test_one_from_the_command_line_keeps_others_out(shop: Shop) -> None:
    generations = Generations(shop.read)
    lease = generations.take(PRODUCTS.name, "rebuild host:7")
    assert lease is not None
    try:
        row = rebuilds(shop)["products"]
        assert (row["state"], row["requested_by"]) == ("running", "rebuild host:7")
        refused = post(shop, "/ops/rebuilds", {"read_model": "products"})
        assert (refused.status_code, "rebuild host:7" in refused.json["detail"]) == (409, True)
        assert post(shop, "/ops/rebuilds/products/stop").status_code == 409
    finally:
        generations.release(lease)
    assert post(shop, "/ops/rebuilds", {"read_model": "products"}).status_code == 202


@pytest.mark.parametrize(
    "wrong", [{}, {"read_model": "nobody"}, {"read_model": 1}, {"read_model": "products.g1"}]
)
def test_only_what_there_is_is_rebuilt(shop: Shop, wrong: dict[str, Any]) -> None:
    assert post(shop, "/ops/rebuilds", wrong).status_code == 422
    assert "customers" not in json.dumps(rebuilds(shop))
