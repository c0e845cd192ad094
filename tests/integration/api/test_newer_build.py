"""A newer build has stored fields that this one does not know: it goes on as if they were not there."""

from typing import Any

import pytest
from falcon import testing

from bus.dead_letters.store import DeadLetters
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.values import OrderStatus
from bus.observability.heartbeats import Heartbeat
from bus.observability.metric_slots import MetricsPublisher, Slots
from bus.observability.metrics import Metrics
from read_side.audit.audit import audit
from read_side.generations.registry import FIRST, RegistryEntry
from read_side.parked.retry import ParkedRetry
from read_side.projections.order_detail import ORDER_DETAIL
from tests.integration.api.both_sides import BothSides
from tests.integration.api.stories import O1, place
from tests.integration.graveyard import bury
from tests.integration.sides import partition
from tests.integration.spoiling import repair, spoil
from tests.support import messages
from tests.support.decided import come_to
from tests.support.newer_build import ADDED, written_by_a_newer_build

REFUSED = {"product_id": "p1", "name": "Pot", "unit_price": 1, "currency": "EUR"}
STORED_BY_THE_WRITE_SIDE = {
    *("audit", "commands", "commits", "dead_letters", "log", "metrics", "positions", "workers")
}
STORED_BY_THE_READ_SIDE = {"checkpoints", "parked", "read_models", "rebuild_requests"}


def asked(both: BothSides, client: testing.TestClient, *paths: str) -> dict[str, Any]:
    """The answers, which are 200 and show nothing of the unknown fields."""
    both.look_again()
    answers = {}
    for path in paths:
        result = client.simulate_get(path)
        assert result.status_code == 200, (path, result.text)
        answers[path] = result.json
    return answers


@pytest.fixture
def busy(both: BothSides) -> BothSides:
    """Each shape that is stored: commands of each outcome, an order, a parked stream, a dead letter."""
    place(both)
    both.ask(both.shop.staff, "POST", "/products", REFUSED)  # taken: its refusal is in the log and the inbox
    failed = both.write.accept(messages.change_customer(name="Ann B"), command_id="failed")
    outcome = Outcome(status=CommandStatus.FAILED, stream="customer-c1", partition=0, error="boom")
    come_to(both.shop.inbox, failed.command_id, outcome)
    both.write.accept(messages.change_product(name="Pot"), command_id="waits")
    both.read.drain()
    both.park(ORDER_DETAIL.name, "customer-c1", 9, partition("c1"))
    both.shop.ops.simulate_post("/ops/rebuilds", json={"read_model": "products"})
    bury(both.shop.redis, "dead1")
    DeadLetters(both.shop.write).collect(both.shop.redis, ["commands"])
    Heartbeat(both.shop.write, "commands").beat()
    MetricsPublisher(Slots(both.shop.write), Metrics()).beat()
    return both


def test_every_answer_is_as_before(busy: BothSides) -> None:
    shop = busy.shop
    letter = DeadLetters(shop.write).newest(None, 1)[0]
    refused = shop.write.commits.find_one({"outcome.status": "rejected"}) or {}
    of_staff = [
        *("/customers", "/customers/c1", "/products", "/products/p1", "/orders", f"/orders/{O1}"),
        *(f"/orders/{O1}?consistency=strong", "/analytics/orders", "/analytics/products"),
        *("/commands/k1", f"/commands/{refused['command_id']}", "/commands/failed", "/commands/waits"),
    ]
    of_ops = [
        "/ops/audit-trail?action=request_rebuild",
        "/ops/parked",
        "/ops/rebuilds",
        "/ops/dead",
        f"/ops/dead/{letter.letter_id}",
    ]
    before = asked(busy, shop.staff, *of_staff) | asked(busy, shop.ops, *of_ops)

    assert written_by_a_newer_build(shop.write) >= STORED_BY_THE_WRITE_SIDE
    models = {f"{name}.g{FIRST}" for name in ("order_summary", "order_detail", "products", "customers")}
    assert written_by_a_newer_build(shop.read) >= STORED_BY_THE_READ_SIDE | models
    assert asked(busy, shop.staff, *of_staff) | asked(busy, shop.ops, *of_ops) == before
    assert ADDED not in str(before)


@pytest.mark.usefixtures("unhurried")
def test_what_operators_look_at_is_answered_and_may_show_what_is_stored(busy: BothSides) -> None:
    paths = ["/events", f"/ops/stories/{O1}", "/ops/stories/failed", "/ops/read-models", "/ops/flow"]
    paths.append("/ops/queues")
    written_by_a_newer_build(busy.shop.write)
    written_by_a_newer_build(busy.shop.read)
    told = asked(busy, busy.shop.ops, *paths)
    assert told["/ops/stories/failed"]["commands"][-1]["problem"]["type"] == "/problems/command-failed"


def test_work_goes_on_and_the_read_models_equal_the_fold_of_the_log(busy: BothSides) -> None:
    written_by_a_newer_build(busy.shop.write)
    written_by_a_newer_build(
        busy.shop.read, STORED_BY_THE_READ_SIDE
    )  # an audit finds what is beyond in a document
    waits = busy.shop.inbox.find("waits")
    assert waits is not None
    assert busy.write.handling(waits.envelope) is not None
    confirmed = {"status": OrderStatus.CONFIRMED.value}
    assert busy.ask(busy.shop.staff, "PATCH", f"/orders/{O1}/status", confirmed).status_code in {202, 204}
    busy.read.drain()
    assert busy.shop.staff.simulate_get(f"/orders/{O1}?consistency=strong").json["status"] == "confirmed"
    assert audit(busy.shop.log, busy.shop.read) == []


def test_a_stream_that_was_parked_is_mended_from_newer_commits(busy: BothSides) -> None:
    spoil(busy.write, "product-p2", 1)
    busy.read.drain()
    repair(busy.write)
    written_by_a_newer_build(busy.shop.write)
    written_by_a_newer_build(busy.shop.read)
    mender = ParkedRetry(busy.shop.log, busy.read.registry, busy.read.checkpoints, busy.read.parking, "ops")
    [parked] = busy.read.parking.of_stream("customer-c1", ORDER_DETAIL.name)
    assert mender.retry(parked) is None


def test_the_registry_knows_its_generations_still(busy: BothSides) -> None:
    written_by_a_newer_build(busy.shop.read)
    entries = [RegistryEntry.from_stored(stored) for stored in busy.shop.read["read_models"].find()]
    assert {entry.live for entry in entries} == {FIRST}
