"""Parked streams over HTTP: listed, and mended by those who project."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from api.ops import parked as parked_resource
from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from tests.integration.api.both_sides import BothSides
from tests.integration.sides import order_id
from tests.integration.spoiling import repair, spoil
from tests.support import messages

O1 = order_id("c1", 1)
STREAM = f"order-{O1}"
RETRY = "/ops/parked/retry"


@pytest.fixture
def spoilt(both: BothSides, monkeypatch: pytest.MonkeyPatch) -> Iterator[BothSides]:
    """An order whose confirmation nobody can read, and which is shipped after it; nobody projects."""
    monkeypatch.setattr(parked_resource, "WAIT_S", 0.0)
    both.write.do(messages.register_customer())
    both.write.do(messages.add_product())
    both.write.do(messages.add_product(product_id="p2"))
    both.write.do(messages.place_order(order_id=O1))
    for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED):
        both.write.do(messages.change_order_status(status, order_id=O1))
    spoil(both.write, STREAM, 2)
    both.read.create()
    both.read.drain()
    yield both
    both.shop.read["parked"].delete_many({})


def retry(both: BothSides, name: str) -> Any:
    result = both.shop.ops.simulate_post(RETRY, json={"read_model": name, "stream": STREAM})
    assert result.status_code == 200, result.text
    [row] = result.json["results"]
    assert (row["read_model"], row["stream"], row["generation"]) == (name, STREAM, 1)
    return row["result"], row["detail"]


def parked(both: BothSides, name: str) -> list[Any]:
    listed = both.shop.ops.simulate_get("/ops/parked")
    assert listed.status_code == 200
    return [row for row in listed.json["parked"] if row["read_model"] == name]


def test_what_is_parked_is_listed(spoilt: BothSides) -> None:
    [row] = parked(spoilt, "order_detail")
    assert (row["stream"], row["waiting"], row["generation"]) == (STREAM, 1, 1)
    assert row["error"]
    assert datetime.fromisoformat(row["since"])
    page = spoilt.shop.ops.simulate_get("/ops/parked?limit=1").json
    assert (len(page["parked"]), page["more"]) == (1, True)


def test_a_parked_stream_is_mended_by_whoever_takes_the_lease_next(spoilt: BothSides) -> None:
    """Also from somebody who has it and goes on for ever."""
    repair(spoilt.write)
    [row] = parked(spoilt, "order_detail")
    holder = spoilt.read.checkpoints.take("order_detail", 1, row["partition"], "a busy one")
    assert holder is not None
    assert retry(spoilt, "order_detail")[0] == "busy"
    assert spoilt.shop.redis.llen("dramatiq:order_detail") == 1, "it is rung for"
    [row] = parked(spoilt, "order_detail")
    spoilt.read.drain([ORDER_DETAIL])
    assert parked(spoilt, "order_detail") == []
    assert audit(spoilt.shop.log, spoilt.read.database, [ORDER_DETAIL, ORDER_SUMMARY]) == []
    meant = {"read_model": "order_detail", "stream": STREAM}
    missing = spoilt.shop.ops.simulate_post(RETRY, json=meant)
    assert missing.status_code == 404


def test_without_a_read_model_it_is_retried_in_all_that_have_it_parked(spoilt: BothSides) -> None:
    remedies = {
        row["read_model"]: row["remedy"] for row in spoilt.shop.ops.simulate_get("/ops/parked").json["parked"]
    }
    told = spoilt.shop.ops.simulate_post(RETRY, json={"stream": STREAM})
    expected = {name: "busy" if remedy == "retry" else "rebuild" for name, remedy in remedies.items()}
    assert set(expected.values()) == {"busy", "rebuild"}
    assert {row["read_model"]: row["result"] for row in told.json["results"]} == expected


def test_asking_again_changes_nothing(spoilt: BothSides) -> None:
    repair(spoilt.write)
    assert [retry(spoilt, "order_detail")[0] for _ in range(3)] == ["busy"] * 3
    spoilt.read.drain([ORDER_DETAIL])
    assert audit(spoilt.shop.log, spoilt.read.database, [ORDER_DETAIL]) == []


def test_what_can_still_not_be_folded_stays_parked(
    spoilt: BothSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = spoilt.shop.services.ops_services.repairs.retry_requests
    ring = requests.ring

    def answered(*given: Any) -> None:
        ring(*given)
        spoilt.read.drain([ORDER_DETAIL])

    monkeypatch.setattr(type(requests), "ring", lambda _, requested: answered(requested))
    result, detail = retry(spoilt, "order_detail")
    assert (result, "still, from position" in detail) == ("parked", True)
    repair(spoilt.write)
    assert retry(spoilt, "order_detail") == ("mended", "")


def test_one_that_counts_many_streams_is_not_marked(spoilt: BothSides) -> None:
    assert retry(spoilt, "order_analytics")[0] == "rebuild"
    spoilt.read.drain([ORDER_ANALYTICS])
    assert len(parked(spoilt, "order_analytics")) == 1


def test_what_goes_by_itself_needs_nothing(spoilt: BothSides) -> None:
    assert [row["remedy"] for row in parked(spoilt, "order_detail")] == ["retry"]
    where, models = {"_id": "order_detail"}, spoilt.shop.read["read_models"]
    before = models.find_one(where)
    assert before is not None
    registry = spoilt.shop.services.ops_services.repairs.registry
    models.update_one(where, {"$set": {"live": 2, "generations.1.state": "retiring"}})
    registry.forget()
    try:
        assert [row["remedy"] for row in parked(spoilt, "order_detail")] == ["none"]
    finally:
        models.replace_one(where, before)
        registry.forget()


def test_another_versions_generation_is_left_alone(spoilt: BothSides) -> None:
    models = spoilt.shop.read["read_models"]
    before = models.find_one({"_id": "order_detail"})
    assert before is not None
    spoilt.shop.services.ops_services.repairs.registry.forget()
    models.update_one({"_id": "order_detail"}, {"$set": {"generations.1.version": 99}})
    try:
        result, detail = retry(spoilt, "order_detail")
    finally:
        models.replace_one({"_id": "order_detail"}, before)
        spoilt.shop.services.ops_services.repairs.registry.forget()
    assert (result, "version 99" in detail) == ("refused", True)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"read_model": "nobody", "stream": STREAM}, {"read_model": "products", "stream": "$where"}],
)
def test_what_is_to_be_mended_must_be_named(both: BothSides, wrong: dict[str, str]) -> None:
    assert both.shop.ops.simulate_post(RETRY, json=wrong).status_code == 422
