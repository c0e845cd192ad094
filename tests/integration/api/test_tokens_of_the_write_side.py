"""A Consistency-Token on what is read from the write side: the answer has at least that, or is a 503."""

import threading
from collections.abc import Mapping
from typing import Any
from unittest import mock

import pytest
from falcon import testing
from pymongo.errors import AutoReconnect

from api.http import freshness
from bus.messages.streams import customer_stream
from bus.primitives.circuit_breaker import CircuitBreaker
from tests.contract.decisions import refusal
from tests.integration.api.both_sides import BothSides, home
from tests.integration.api.stories import O1, place
from tests.integration.api.test_api_log import committed
from tests.support import messages
from tests.support.shop_api import Shop

BEHIND = "/problems/read-model-behind"


def refused(shop: Shop, times: int, partition: int = 0) -> None:
    shop.log.append([refusal(partition=partition, command_id=f"refused{n}") for n in range(times)])


def feed(shop: Shop, limit: int, token: str, **headers: str) -> testing.Result:
    given = {"Consistency-Token": token, **headers}
    return shop.ops.simulate_get("/events", params={"limit": str(limit)}, headers=given)


@pytest.mark.parametrize("refusals", [150, 2_000])
@pytest.mark.parametrize("limit", [2, 100])
def test_the_feed_reads_on_to_its_token(shop: Shop, refusals: int, limit: int) -> None:
    committed(shop, "product-p1", 1, messages.product_added(), partition=3)
    refused(shop, refusals)
    committed(shop, "customer-c1", 1, messages.customer_registered())
    page = feed(shop, limit, f"0-{refusals + 1}")
    assert [event["stream"] for event in page.json["events"]] == ["product-p1", "customer-c1"]


def test_an_empty_page_of_the_feed_reads_on_too(shop: Shop) -> None:
    refused(shop, 25)
    committed(shop, "customer-c1", 1, messages.customer_registered())
    assert [event["stream"] for event in feed(shop, 1, "0-26").json["events"]] == ["customer-c1"]


def test_an_empty_page_of_the_feed_is_told_if_its_token_is_reached(shop: Shop) -> None:
    refused(shop, 25)
    page = feed(shop, 1, "0-25")
    assert (page.status_code, page.json["events"]) == (200, [])


def test_a_full_page_may_end_before_its_token(shop: Shop) -> None:
    for version in (1, 2):
        committed(shop, "customer-c1", version, messages.customer_registered())
    assert [event["version"] for event in feed(shop, 1, "0-2").json["events"]] == [1]


@pytest.mark.parametrize("token", ["0-5", "1-1", "0-1, 1-1"])
def test_what_the_log_does_not_have_is_not_waited_for(shop: Shop, token: str) -> None:
    """Nor by a read model: no request pauses. The log is looked at behind a barrier, and once."""
    committed(shop, "customer-c1", 1, messages.customer_registered())
    passed = barriers(shop)
    with mock.patch.object(freshness, "Pause") as pauses:
        page = feed(shop, 100, token, Prefer="wait=30")
        listed = shop.staff.simulate_get("/orders", headers={"Consistency-Token": token, "Prefer": "wait=30"})
    for answer in (page, listed):
        assert (answer.status_code, answer.json["type"]) == (400, "/problems/unknown-consistency-token")
    pauses.assert_not_called()
    assert barriers(shop) == passed + 2


def test_what_the_log_has_is_waited_for(shop: Shop) -> None:
    """It costs one look, and the next read up to there none; no barrier."""
    committed(shop, "customer-c1", 1, messages.customer_registered())
    passed = barriers(shop)
    with mock.patch.object(shop.log, "head", side_effect=shop.log.head) as looks:
        for _ in range(2):
            headers = {"Consistency-Token": "0-1", "Prefer": "wait=0"}
            listed = shop.staff.simulate_get("/orders", headers=headers)
            assert (listed.status_code, listed.json["type"]) == (503, BEHIND)
    assert looks.call_count == 1
    assert barriers(shop) == passed


def test_while_the_write_database_is_away_tokens_are_waited_for(shop: Shop) -> None:
    committed(shop, "customer-c1", 1, messages.customer_registered())
    headers = {"Consistency-Token": "0-7", "Prefer": "wait=0"}
    shop.services.freshness._log_end._breaker = CircuitBreaker(3_600.0)  # within one pause of it
    with mock.patch.object(shop.log, "head", side_effect=AutoReconnect) as looks:
        for _ in range(3):
            listed = shop.staff.simulate_get("/orders", headers=headers)
            assert (listed.status_code, listed.json["type"]) == (503, BEHIND)
    assert looks.call_count == 1, "one in a pause, and not one for each"


def barriers(shop: Shop) -> int:
    return int((shop.write.barriers.find_one({"_id": "now"}) or {"passed": 0})["passed"])


def test_the_feed_waits_for_a_gap_to_close(shop: Shop) -> None:
    refused(shop, 1)
    shop.write.positions.update_one({"_id": "claimed"}, {"$inc": {"0": 1}})
    committed(shop, "customer-c1", 1, messages.customer_registered())
    assert feed(shop, 100, "0-3", Prefer="wait=0").json["type"] == BEHIND
    closing = threading.Timer(0.2, shop.log.close, [[(0, 2)]])
    closing.start()
    page = feed(shop, 100, "0-3", Prefer="wait=20")
    closing.join()
    assert [event["stream"] for event in page.json["events"]] == ["customer-c1"]


def strong(both: BothSides, token: str, **headers: str) -> testing.Result:
    given = {"Consistency-Token": token, **headers}
    return both.shop.staff.simulate_get(f"/orders/{O1}?consistency=strong", headers=given)


def test_a_strong_read_has_what_its_token_stands_for(both: BothSides) -> None:
    place(both)
    at = home(customer_stream("c1"))
    head = both.shop.log.head(at)
    assert strong(both, f"{at}-{head}").status_code == 200
    behind = strong(both, f"{at}-{head + 1}", Prefer="wait=0")
    assert (behind.status_code, behind.json["type"], behind.headers["retry-after"]) == (503, BEHIND, "1")
    assert strong(both, f"{1 - at}-999").status_code == 200, "nothing of another partition is in an order"


def test_a_strong_read_waits_for_its_token(both: BothSides) -> None:
    place(both)
    at = home(customer_stream("c1"))
    head = both.shop.log.head(at)
    late = threading.Timer(0.2, both.write.do, [messages.change_customer(name="Ann Baker")])
    late.start()
    shown = strong(both, f"{at}-{head + 1}", Prefer="wait=20")
    late.join()
    assert shown.json["customer_name"] == "Ann Baker"


def test_a_command_is_told_as_the_log_has_it_whatever_the_inbox_says(both: BothSides) -> None:
    place(both)
    commit = both.shop.log.of_commands_anywhere(["k4"])["k4"]
    token = {"Consistency-Token": f"{commit.partition}-{commit.seq}"}

    def told(headers: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = both.shop.staff.simulate_get("/commands/k4", headers=headers).json
        return found

    before = told({})
    both.shop.inbox.accept_all([(messages.envelope(command_id="k4"), None)])  # decided, and still there
    assert told({}) == told(token) == before
    assert before["status"] == "succeeded"


def test_a_command_that_is_not_decided_is_told_at_once(both: BothSides) -> None:
    place(both)
    both.write.accept(messages.change_product(name="Pot"), command_id="waits")
    waits = both.shop.staff.simulate_get("/commands/waits", headers={"Consistency-Token": "0-0, 1-1"})
    assert waits.json["status"] == "accepted"
