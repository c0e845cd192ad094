"""What became of a command, and the log as a feed."""

from typing import Any

import pytest

from bus.log.commit import Decision
from bus.messages.outcome import CommandStatus
from bus.messages.registry import to_stored
from bus.messages.rejection import Rejection, RejectionKind
from tests.contract.decisions import refusal
from tests.support import messages
from tests.support.shop_api import Shop


def test_a_command_tells_how_it_is(shop: Shop) -> None:
    body = {"product_id": "p1", "name": "Teapot", "unit_price": 1, "currency": "EUR"}
    command_id = shop.staff.simulate_post("/products", json=body).json["command_id"]
    path = f"/commands/{command_id}"

    accepted = shop.staff.simulate_get(path)
    rejection = Rejection(kind=RejectionKind.CONFLICT, code="id-taken", detail="Taken.")
    shop.finish(command_id, status=CommandStatus.REJECTED, version=None, rejection=rejection)
    rejected = shop.staff.simulate_get(path, headers={"If-None-Match": accepted.headers["etag"]})

    assert accepted.json["status"] == "accepted"
    assert accepted.json["stream"] == "product-p1"
    assert accepted.json["finished_at"] is accepted.json["problem"] is None
    assert set(accepted.json["visible"].values()) == {False}
    assert rejected.json["status"] == "rejected"
    assert rejected.json["problem"]["status"] == 409
    assert rejected.json["finished_at"].endswith("Z")
    same = shop.staff.simulate_get(path, headers={"If-None-Match": rejected.headers["etag"]})
    assert same.status_code == 304


def test_a_customer_sees_its_own_commands(shop: Shop) -> None:
    body = {"name": "Ann", "email": "a@b.cd"}
    path = f"/commands/{shop.ann.simulate_post('/customers', json=body).json['command_id']}"

    answers = [client.simulate_get(path).status_code for client in (shop.ann, shop.bob, shop.staff, shop.ops)]

    assert answers == [200, 404, 200, 200]


def committed(shop: Shop, stream: str, version: int, *happened: Any, partition: int = 0) -> None:
    decision = Decision(
        partition=partition,
        command_id=f"{stream}/{version}",
        correlation_id="r1",
        at=messages.NOW,
        by="staff:sam",
        stream=stream,
        version=version,
        events=tuple(to_stored(event) for event in happened),
        state={},
    )
    shop.log.append([decision])


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_feed_gives_every_event_once_in_order(shop: Shop, limit: int) -> None:
    committed(shop, "customer-c1", 1, messages.customer_registered())
    for n in range(3):
        refused = refusal(command_id=f"refused{n}")
        shop.log.append([refused])
    committed(shop, "customer-c1", 2, messages.customer_renamed(), messages.customer_email_changed())
    committed(shop, "product-p1", 1, messages.product_added(), partition=3)
    shop.log.close([(3, 2)])

    seen: list[dict[str, Any]] = []
    query = {"limit": str(limit)}
    while page := shop.ops.simulate_get("/events", params=query).json:
        assert len(page["events"]) <= limit
        seen += page["events"]
        query["after"] = page["next"]
        if not page["events"]:
            break

    of_ann = [(e["type"], e["version"], e["seq"]) for e in seen if e["stream"] == "customer-c1"]
    assert of_ann == [("CustomerRegistered", 1, 1), ("CustomerRenamed", 2, 5), ("CustomerEmailChanged", 2, 5)]
    assert len(seen) == 4
    assert seen[0].keys() == {
        *("command_id", "correlation_id", "stream", "version", "at", "type", "data", "partition", "seq")
    }

    committed(shop, "product-p1", 2, messages.product_renamed(), partition=3)
    more = shop.ops.simulate_get("/events", params={"after": query["after"]}).json
    assert [e["type"] for e in more["events"]] == ["ProductRenamed"]
