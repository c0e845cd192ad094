"""``/ops/stories/{id}``: what an engineer reads who has nothing but an id."""

import pytest

from bus.dead_letters.failed_commands import FailedCommands
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.streams import customer_stream, order_stream, product_stream
from bus.messages.values import OrderStatus
from tests.integration.api.both_sides import BothSides, home
from tests.integration.api.ops_services import NO_MONGODB, elsewhere
from tests.integration.api.stories import (
    O1,
    OF_AN_ORDER,
    ORDER,
    asked,
    concerned,
    in_the_story,
    place,
    stored,
    story,
)
from tests.support import messages
from tests.support.decided import come_to


def test_an_order_from_the_request_to_every_read_model(both: BothSides) -> None:
    shop = both.shop
    both.ask(shop.staff, "POST", "/customers", {"customer_id": "c1", "name": "Ann", "email": "a@b.cd"})
    product = {"product_id": "p1", "name": "Pot", "unit_price": 5, "currency": "EUR"}
    both.ask(shop.staff, "POST", "/products", product)
    placed = both.ask(shop.ann, "POST", "/orders", ORDER)
    order = placed.json["order_id"]
    path, confirmed = f"/orders/{order}/status", {"status": "confirmed"}
    both.ask(shop.staff, "PATCH", path, confirmed, **{"X-Correlation-Id": "the-confirmation"})
    both.read.drain()

    found = story(both, order)

    assert (found["kind"], found["also"], found["stream"]) == ("order", [], order_stream(order))
    assert found["partition"] == home(order_stream(order))
    assert (found["version"], found["state"]["status"]) == (2, "confirmed")
    assert not found["more_commands"]
    assert not found["more_commits"]
    first, second = found["commands"]
    assert (first["type"], second["type"]) == ("PlaceOrder", "ChangeOrderStatus")
    assert (first["status"], second["status"]) == ("succeeded", "succeeded")
    assert first["by"] == {"role": "customer", "subject": "c1"}
    assert second["by"] == {"role": "staff", "subject": "sam"}
    assert second["correlation_id"] == "the-confirmation"
    assert (first["body"], first["attempts"]) == (None, None), "it has left the inbox"
    assert first["accepted_at"] <= first["finished_at"]
    assert (first["problem"], first["error"], first["errors"]) == (None, None, 0)
    assert [(c["version"], c["command_id"]) for c in found["commits"]] == [
        (1, first["command_id"]),
        (2, second["command_id"]),
    ]
    assert [(c["seq"], c["version"]) for c in found["commands"]] == [
        (c["seq"], c["version"]) for c in found["commits"]
    ]
    [[placing], [confirming]] = [commit["events"] for commit in found["commits"]]
    assert (placing["type"], placing["total"], placing["customer_name"]) == ("OrderPlaced", 10, "Ann")
    assert (confirming["type"], confirming["old_status"]) == ("OrderConfirmed", "pending")
    assert [row["name"] for row in found["read_models"]] == concerned(both, order_stream(order))
    last = found["commits"][-1]["seq"]
    for row in found["read_models"]:
        assert (row["up_to_date"], row["last_commit"], row["parked"]) == (True, last, None)
        assert row["position"] >= last
        assert len(row["documents"]) == 1 or row["name"] not in OF_AN_ORDER
        assert row["documents"]
        for document in row["documents"]:
            assert document["_pos"] == stored(both, row["name"], document["_id"])["_pos"]
    assert in_the_story(found, "order_detail")["documents"][0]["status"] == "confirmed"
    [bucket] = in_the_story(found, "order_analytics")["documents"]
    assert (bucket["day"], bucket["currency"]) == (placing["placed_at"][:10], "EUR")
    assert bucket["by_status"]["confirmed"] == 1
    [customer] = in_the_story(found, "customers")["documents"]
    assert (customer["_id"], customer["orders"]) == ("c1", 1)


def test_a_customer(both: BothSides) -> None:
    both.write.do(messages.register_customer())
    both.write.do(messages.change_customer(name="Ann Baker"))
    both.read.drain()

    found = story(both, "c1")

    assert (found["kind"], found["stream"]) == ("customer", customer_stream("c1"))
    assert [e["type"] for c in found["commits"] for e in c["events"]] == [
        "CustomerRegistered",
        "CustomerRenamed",
    ]
    assert in_the_story(found, "customers")["documents"][0]["name"] == "Ann Baker"
    [remembered] = in_the_story(found, "order_summary")["documents"]
    assert remembered["known_as"] == "Ann Baker", "what her next order will say"


def test_a_product(both: BothSides) -> None:
    both.write.do(messages.add_product())
    both.write.do(messages.change_product(unit_price=3))
    both.read.drain()

    found = story(both, "p1")

    assert (found["kind"], found["stream"]) == ("product", product_stream("p1"))
    assert [row["name"] for row in found["read_models"]] == concerned(both, product_stream("p1"))
    assert in_the_story(found, "products")["documents"][0]["unit_price"] == 3
    assert in_the_story(found, "product_sales")["documents"][0]["name"] == "Teapot"


def test_a_command_and_what_it_made(both: BothSides) -> None:
    place(both)
    confirm = both.write.accept(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    both.write.handling(confirm)
    both.read.drain()

    found = story(both, confirm.command_id)

    assert (found["kind"], found["stream"]) == ("command", order_stream(O1))
    assert [command["command_id"] for command in found["commands"]] == [confirm.command_id]
    assert [commit["version"] for commit in found["commits"]] == [2]
    assert [row["name"] for row in found["read_models"]] == concerned(both, order_stream(O1))
    assert all(row["up_to_date"] for row in found["read_models"])


def test_an_order_that_was_refused_and_never_was(both: BothSides) -> None:
    both.write.do(messages.register_customer())
    refused = both.write.accept(messages.place_order(order_id=O1))
    both.write.handling(refused)
    both.read.drain()

    for identity, kind in ((O1, "order"), (refused.command_id, "command")):
        found = story(both, identity)
        assert (found["kind"], found["version"], found["state"]) == (kind, None, None)
        assert (found["commits"], found["read_models"]) == ([], [])
        [command] = found["commands"]
        assert (command["status"], command["version"]) == ("rejected", None)
        assert command["seq"] == 2, "a refusal has its place in the log"
        assert command["problem"]["type"] == "/problems/unknown-product"
        assert command["problem"]["instance"] == f"/commands/{refused.command_id}"


def test_what_was_refused_or_changed_nothing_stands_among_the_rest(both: BothSides) -> None:
    place(both)
    for status in (OrderStatus.CONFIRMED, OrderStatus.CONFIRMED, OrderStatus.DELIVERED, OrderStatus.SHIPPED):
        both.write.do(messages.change_order_status(status, order_id=O1))

    found = story(both, O1)

    told = [(command["status"], command["version"]) for command in found["commands"]]
    assert told == [
        ("succeeded", 1),
        ("succeeded", 2),
        ("succeeded", 2),
        ("rejected", None),
        ("succeeded", 3),
    ]
    assert [commit["version"] for commit in found["commits"]] == [1, 2, 3]


def test_what_is_not_handled_yet(both: BothSides) -> None:
    sent = both.shop.staff.simulate_post(
        "/customers", json={"customer_id": "c9", "name": "Cy", "email": "c@d.ef"}
    )

    found = story(both, "c9")

    [command] = found["commands"]
    assert command["command_id"] == sent.json["command_id"]
    assert (command["status"], command["finished_at"], command["seq"]) == ("accepted", None, None)
    assert (found["commits"], found["read_models"]) == ([], [])


def test_what_is_decided_and_has_not_left_the_inbox(both: BothSides) -> None:
    """A worker was killed between the two; the log is right."""
    envelope = both.write.accept(messages.register_customer())
    with both.write.inbox.session() as session:
        both.write.handling.decider([both.write.entry(envelope)], session)

    for identity in ("c1", envelope.command_id):
        [command] = story(both, identity)["commands"]
        assert (command["status"], command["seq"], command["version"]) == ("succeeded", 1, 1)


def test_what_failed_and_what_an_operator_did_about_it(both: BothSides) -> None:
    envelope = both.write.accept(messages.register_customer())
    failure = Outcome(
        status=CommandStatus.FAILED, stream="customer-c1", partition=home("customer-c1"), error="KeyError: x"
    )
    come_to(both.write.inbox, envelope.command_id, failure)

    [failed] = story(both, "c1")["commands"]
    FailedCommands(both.write.database).retry(envelope.command_id, by="ops:olga", reason="price fixed")
    [retried] = story(both, "c1")["commands"]
    both.write.handling(both.write.entry(envelope).envelope)
    [done] = story(both, "c1")["commands"]

    assert (failed["status"], failed["error"]) == ("failed", "KeyError: x")
    assert failed["problem"]["type"] == "/problems/command-failed"
    assert (retried["status"], retried["error"], retried["problem"]) == ("accepted", None, None)
    [resolution] = retried["resolutions"]
    assert (resolution["action"], resolution["by"]) == ("retried", "ops:olga")
    assert (resolution["reason"], resolution["error"]) == ("price fixed", "KeyError: x")
    assert (done["status"], done["resolutions"]) == ("succeeded", [resolution])


def test_a_command_that_this_build_cannot_read(both: BothSides) -> None:
    envelope = both.write.accept(messages.register_customer())
    unknown = {
        "$set": {"type": "PraiseCustomer", "envelope.command": {"type": "PraiseCustomer", "how": "much"}}
    }
    both.write.database.commands.update_one({"_id": envelope.command_id}, unknown)

    [command] = story(both, "c1")["commands"]

    assert (command["type"], command["body"]) == ("PraiseCustomer", {"type": "PraiseCustomer", "how": "much"})
    assert both.write.database.commands.find_one({"status": "accepted"}), "looking changes nothing"


def test_an_id_of_several_things(both: BothSides) -> None:
    both.write.do(messages.register_customer(customer_id="same"))
    both.write.do(messages.add_product(product_id="same"))

    both_told = story(both, "same")
    product = story(both, "same", "?kind=product")

    assert (both_told["kind"], both_told["also"]) == ("customer", ["product"])
    assert (product["kind"], product["also"]) == ("product", ["customer"])
    assert product["commits"][0]["events"][0]["type"] == "ProductAdded"
    assert asked(both, "same", "?kind=order").status_code == 404
    assert asked(both, "same", "?kind=parcel").status_code == 400


@pytest.mark.parametrize("stream", ["customer-c1", "product-p1", f"order-{O1}"])
def test_a_stream_by_its_name(both: BothSides, stream: str) -> None:
    place(both)

    found = story(both, stream)

    assert (found["stream"], found["kind"]) == (stream, stream.partition("-")[0])
    assert found["commits"]


@pytest.mark.parametrize(
    "identity", ["nobody", "order-nobody", "01928f6e-0000-7000-8000-000000000000", "a b"]
)
def test_an_id_that_nobody_knows(both: BothSides, identity: str) -> None:
    place(both)
    result = asked(both, identity)
    assert result.status_code == 404
    assert result.json["type"] == "/problems/unknown-story"


def test_a_long_story_ends_with_the_newest(both: BothSides) -> None:
    both.write.do(messages.add_product())
    for price in range(1, 205):
        both.write.do(messages.change_product(unit_price=price))

    found = story(both, "p1")

    assert [commit["version"] for commit in found["commits"]] == list(range(6, 206))
    assert [command["version"] for command in found["commands"]] == list(range(106, 206))
    assert found["more_commits"]
    assert found["more_commands"]


@pytest.mark.parametrize("where", ["write_mongodb_uri", "read_mongodb_uri"])
def test_while_mongodb_is_away(both: BothSides, where: str) -> None:
    place(both)
    with elsewhere(both.shop, **{where: NO_MONGODB}) as api:
        result = api.simulate_get(f"/ops/stories/{O1}")
    assert result.status_code == 503
    assert result.json["type"] == "/problems/unavailable"
    assert result.headers["retry-after"] == "1"


def test_redis_is_not_needed(both: BothSides) -> None:
    place(both)
    with elsewhere(both.shop, redis_url="redis://127.0.0.1:1/0") as api:
        assert api.simulate_get(f"/ops/stories/{O1}").json["version"] == 1
