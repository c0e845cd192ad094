"""An older build has stored events and states in other forms: they are read as if this one had."""

from typing import Any

import pytest

from api.resources.shapes import Feed
from bus.messages.outcome import CommandStatus
from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from tests.integration.api.both_sides import BothSides
from tests.integration.api.stories import O1, place
from tests.integration.sides import LONG_AGO
from tests.support import messages
from tests.support.older_build import written_by_the_first_build
from write_side.audit import audit as audit_log

PAGES = ("/customers", "/products", "/orders", f"/orders/{O1}", "/analytics/orders", "/analytics/products")


@pytest.fixture
def old(both: BothSides) -> BothSides:
    """A shop of before."""
    place(both)
    assert written_by_the_first_build(both.shop.write) > 0
    return both


def feed(both: BothSides) -> list[dict[str, Any]]:
    read: Feed = both.shop.ops.simulate_get("/events").json
    return [dict(event) for event in read["events"]]


def shown(both: BothSides) -> dict[str, Any]:
    both.read.drain()
    return {page: both.shop.staff.simulate_get(page).json for page in PAGES}


def test_every_answer_is_as_if_it_had_been_written_now(both: BothSides) -> None:
    place(both)
    both.read.drain()
    before, told = shown(both), feed(both)
    strong = both.shop.staff.simulate_get(f"/orders/{O1}?consistency=strong").json

    written_by_the_first_build(both.shop.write)
    for collection in both.shop.read.list_collection_names():
        if ".g" in collection:
            both.shop.read[collection].delete_many({})
    both.shop.read.checkpoints.update_many({}, {"$set": {"position": 0, "expires_at": LONG_AGO}})

    assert shown(both) == before
    assert feed(both) == told
    assert both.shop.staff.simulate_get(f"/orders/{O1}?consistency=strong").json == strong


def test_commands_are_decided_on_the_events_folded_again(old: BothSides) -> None:
    old.write = type(old.write)(old.shop.write)  # a process that has seen nothing yet
    assert old.write.do(messages.change_customer(name="Ann B"), command_id="renames").version == 2
    confirmed = messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1)
    assert old.write.do(confirmed, command_id="confirms").status is CommandStatus.SUCCEEDED
    taken = old.write.do(messages.register_customer(), command_id="registers")
    assert taken.status is CommandStatus.REJECTED

    newest = old.write.log.newest(old.shop.log.partitions - 1, "customer-c1") or old.write.log.newest(
        0, "customer-c1"
    )
    assert newest is not None
    assert newest.state_v == 2
    assert audit_log(old.shop.write, old.shop.log.partitions) == []
    old.read.drain()
    assert audit(old.shop.log, old.shop.read) == []
    assert old.shop.staff.simulate_get(f"/orders/{O1}").json["customer_name"] == "Ann B"


def test_a_state_of_a_newer_build_is_folded_again_too(both: BothSides) -> None:
    place(both)
    streams = {"stream": {"$exists": True}}
    both.shop.write.commits.update_many(streams, {"$set": {"state_v": 99, "state": {"other": "fields"}}})
    both.write = type(both.write)(both.shop.write)

    renamed = both.write.do(messages.change_customer(name="Ann B"), command_id="renames")

    assert renamed.version == 2
    assert audit_log(both.shop.write, both.shop.log.partitions) == []


def test_an_event_of_a_newer_build_is_read_if_it_says_that_it_may_be(both: BothSides) -> None:
    """Otherwise it parks its stream, and commands on that stream fail: nothing is guessed."""
    place(both)
    newer = {"events.0.v": 99, "events.0.since": 1, "events.0.data.mood": "hasty", "state_v": 99}
    both.shop.write.commits.update_many({"stream": f"order-{O1}"}, {"$set": newer})
    both.write = type(both.write)(both.shop.write)
    both.read.drain()
    assert "mood" not in both.shop.staff.simulate_get(f"/orders/{O1}").json
    confirmed = messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1)
    assert both.write.do(confirmed, command_id="confirms").status is CommandStatus.SUCCEEDED

    both.shop.write.commits.update_many({"stream": "product-p1"}, {"$set": {"events.0.v": 99, "state_v": 99}})
    both.write = type(both.write)(both.shop.write, max_attempts=1)
    repriced = both.write.accept(messages.change_product(unit_price=1), command_id="reprices")
    both.write.handling(repriced)
    assert both.write.outcome(repriced).status is CommandStatus.FAILED
