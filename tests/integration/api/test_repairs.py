"""What operators look at and mend over HTTP."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import redis
from falcon import testing

from api.ops import parked as parked_resource
from bus.dead_letters import DeadLetters
from bus.messages.outcome import CommandStatus
from bus.messages.values import OrderStatus
from read_side.audit import audit
from read_side.generations import Generations
from read_side.projections import READ_MODELS
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.rebuild_requests import RebuildRequests
from tests import messages
from tests.integration.api.both_sides import BothSides
from tests.integration.graveyard import bury, payload
from tests.integration.shop import order_id
from tests.integration.spoiling import repair, spoil
from tests.shop_api import Shop

REASON = {"reason": "the price is fixed"}
PRODUCT = {"product_id": "p1", "name": "Pot", "unit_price": 1, "currency": "EUR"}
O1 = order_id("c1", 1)
STREAM = f"order-{O1}"


def failed(shop: Shop) -> str:
    """A command that failed."""
    command_id: str = shop.staff.simulate_post("/products", json=PRODUCT).json["command_id"]
    shop.finish(command_id, status=CommandStatus.FAILED, seq=None, version=None, error="ValueError: no")
    return command_id


def letter(shop: Shop, message: bytes | None = None) -> str:
    """A dead letter."""
    bury(shop.redis, "k1", message=payload() if message is None else message)
    letters = DeadLetters(shop.write)
    letters.collect(shop.redis, ["commands"])
    return letters.newest(None, 1)[0].letter_id


def dead(shop: Shop, query: str = "") -> list[dict[str, Any]]:
    result = shop.ops.simulate_get(f"/ops/dead{query}")
    assert result.status_code == 200
    assert result.headers["cache-control"] == "no-store"
    rows: list[dict[str, Any]] = result.json["dead"]
    return rows


def post(shop: Shop, path: str, body: Any = None) -> testing.Result:
    return shop.ops.simulate_post(path, json=body)


# Dead letters.


def test_what_is_dead_is_listed_newest_first_and_so_many(shop: Shop) -> None:
    assert dead(shop) == []
    buried, command = letter(shop), failed(shop)
    assert [(row["id"], row["kind"], row["state"]) for row in dead(shop)] == [
        (command, "command", "kept"),
        (buried, "letter", "kept"),
    ]
    assert dead(shop)[0]["reason"] == "ValueError: no"
    page = shop.ops.simulate_get("/ops/dead?limit=1").json
    assert ([row["id"] for row in page["dead"]], page["more"]) == ([command], True)
    assert shop.ops.simulate_get("/ops/dead?limit=2").json["more"] is False


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?all=yes", "?queue=x"])
def test_other_questions_are_refused(shop: Shop, query: str) -> None:
    assert shop.ops.simulate_get(f"/ops/dead{query}").status_code == 400


def test_everything_that_is_known_is_shown(shop: Shop) -> None:
    buried, command = letter(shop), failed(shop)
    [document] = shop.ops.simulate_get(f"/ops/dead/{command}").json["documents"]
    assert (document["kind"], document["envelope"]["command"]["name"]) == ("command", "Pot")
    assert datetime.fromisoformat(document["accepted_ts"])
    [document] = shop.ops.simulate_get(f"/ops/dead/{buried}").json["documents"]
    assert (document["kind"], document["message"]["actor_name"]) == ("letter", "handle_command")
    assert shop.ops.simulate_get("/ops/dead/nobody").status_code == 404
    assert shop.ops.simulate_get("/ops/dead/no%20id").status_code == 404


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xfe not JSON",
        payload().replace(b'"k1"', b'"\\ud800"'),
        payload(kwargs={"n": 10**40}),
        b"[" * 900,
    ],
)
def test_whatever_a_letter_holds_it_is_shown(shop: Shop, message: bytes) -> None:
    buried = letter(shop, message)
    result = shop.ops.simulate_get(f"/ops/dead/{buried}")
    assert result.status_code == 200
    assert result.json["documents"][0]["size"] == len(message)


def test_a_retried_command_is_accepted_again(shop: Shop) -> None:
    command = failed(shop)
    shop.redis.flushdb()
    result = post(shop, f"/ops/dead/{command}/retry", REASON)
    assert (result.status_code, result.json) == (200, {"result": "accepted again, at the end of the order"})
    stored = shop.write["commands"].find_one({"_id": command})
    assert stored is not None
    assert stored["status"] == "accepted"
    resolution = stored["resolutions"][0]
    assert (resolution["by"], resolution["reason"]) == ("ops:olga", REASON["reason"])
    assert shop.redis.hlen("dramatiq:commands.msgs") == 1
    assert post(shop, f"/ops/dead/{command}/retry", REASON).status_code == 409


def test_a_retried_letter_goes_back_on_its_queue_once(shop: Shop) -> None:
    buried = letter(shop)
    assert post(shop, f"/ops/dead/{buried}/retry", REASON).json == {
        "result": "put on the queue commands again"
    }
    assert shop.redis.hlen("dramatiq:commands.msgs") == 1
    refused = post(shop, f"/ops/dead/{buried}/retry", REASON)
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/refused")
    assert "was retried already, by ops:olga" in refused.json["detail"]


def test_a_letter_is_not_retried_while_redis_is_away(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    buried = letter(shop)

    def away(*_: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(shop.services.desk.repairs.casualties._broker, "enqueue", away)
    result = post(shop, f"/ops/dead/{buried}/retry", REASON)
    assert (result.status_code, "retry-after" in result.headers) == (503, True)
    assert dead(shop)[0]["state"] == "kept"


def test_what_is_discarded_is_listed_when_all_is_asked_for(shop: Shop) -> None:
    buried, command = letter(shop), failed(shop)
    for one in (buried, command):
        assert post(shop, f"/ops/dead/{one}/discard", REASON).status_code == 200
        assert post(shop, f"/ops/dead/{one}/discard", REASON).status_code == 409
    assert dead(shop) == []
    assert {(row["id"], row["state"]) for row in dead(shop, "?all=true")} == {
        (buried, "discarded"),
        (command, "discarded"),
    }


@pytest.mark.parametrize("way", ["retry", "discard"])
def test_a_reason_is_needed_and_something_to_have_it(shop: Shop, way: str) -> None:
    command = failed(shop)
    for wrong in ({}, {"reason": ""}, {"reason": "x" * 501}, {"reason": "\0"}, {**REASON, "by": "me"}):
        assert post(shop, f"/ops/dead/{command}/{way}", wrong).status_code == 422
    assert post(shop, f"/ops/dead/nobody/{way}", REASON).status_code == 404
    succeeded = shop.staff.simulate_post("/products", json=PRODUCT).json["command_id"]
    shop.finish(succeeded)
    assert post(shop, f"/ops/dead/{succeeded}/{way}", REASON).status_code == 409
    assert dead(shop)[0]["state"] == "kept"


# Parked streams.


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
    result = post(both.shop, "/ops/parked/retry", {"read_model": name, "stream": STREAM})
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
    missing = post(spoilt.shop, "/ops/parked/retry", {"read_model": "order_detail", "stream": STREAM})
    assert missing.status_code == 404


def test_asking_again_changes_nothing(spoilt: BothSides) -> None:
    repair(spoilt.write)
    assert [retry(spoilt, "order_detail")[0] for _ in range(3)] == ["busy"] * 3
    spoilt.read.drain([ORDER_DETAIL])
    assert audit(spoilt.shop.log, spoilt.read.database, [ORDER_DETAIL]) == []


def test_what_can_still_not_be_folded_stays_parked(
    spoilt: BothSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = spoilt.shop.services.desk.repairs.orders
    ring = orders.ring

    def answered(*given: Any) -> None:
        ring(*given)
        spoilt.read.drain([ORDER_DETAIL])

    monkeypatch.setattr(type(orders), "ring", lambda _, ordered: answered(ordered))
    result, detail = retry(spoilt, "order_detail")
    assert (result, "still, from position" in detail) == ("parked", True)
    repair(spoilt.write)
    assert retry(spoilt, "order_detail") == ("mended", "")


def test_one_that_counts_many_streams_is_not_marked(spoilt: BothSides) -> None:
    assert retry(spoilt, "order_analytics")[0] == "rebuild"
    spoilt.read.drain([ORDER_ANALYTICS])
    assert len(parked(spoilt, "order_analytics")) == 1


def test_another_versions_generation_is_left_alone(spoilt: BothSides) -> None:
    models = spoilt.shop.read["read_models"]
    before = models.find_one({"_id": "order_detail"})
    assert before is not None
    spoilt.shop.services.desk.repairs.orders._registry.forget()
    models.update_one({"_id": "order_detail"}, {"$set": {"generations.1.version": 99}})
    try:
        result, detail = retry(spoilt, "order_detail")
    finally:
        models.replace_one({"_id": "order_detail"}, before)
        spoilt.shop.services.desk.repairs.orders._registry.forget()
    assert (result, "version 99" in detail) == ("refused", True)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"read_model": "nobody", "stream": STREAM}, {"read_model": "products", "stream": "$where"}],
)
def test_what_is_to_be_mended_must_be_named(shop: Shop, wrong: dict[str, str]) -> None:
    assert post(shop, "/ops/parked/retry", wrong).status_code == 422


# Rebuilds.


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
