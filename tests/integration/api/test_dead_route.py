"""What is dead, over HTTP: listed, shown, tried again and set aside."""

from datetime import datetime
from typing import Any

import pytest
import redis
from falcon import testing

from bus.dead_letters.store import DeadLetters
from bus.messages.outcome import CommandStatus
from tests.integration.graveyard import bury, payload
from tests.support.shop_api import Shop

REASON = {"reason": "the price is fixed"}
PRODUCT = {"product_id": "p1", "name": "Pot", "unit_price": 1, "currency": "EUR"}


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

    monkeypatch.setattr(shop.services.ops_services.repairs.failures._broker, "enqueue", away)
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
