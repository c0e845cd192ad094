"""Answers that miss the events of parked streams say so, and since when, until those are mended."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from falcon import testing
from pymongo import MongoClient

from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.errors import RebuildNeededError
from read_side.parked.parking import Parking
from read_side.parked.retry import ParkedRetry
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.queries import parked_streams
from tests.integration.api.both_sides import BothSides
from tests.integration.api.test_freshness_bounds import PARKED, PATHS, Finds
from tests.integration.sides import ReadSide, order_id
from tests.integration.spoiling import repair, spoil
from tests.support import messages

O1, O2, FOREIGN = order_id("c1", 1), order_id("c1", 2), order_id("c2", 1)
Change = Callable[[dict[str, Any]], str]
CONFIRMED = messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1)


@pytest.fixture
def a_long_second(both: BothSides, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is parked is looked at when a test says so, and not by itself."""
    monkeypatch.setattr(both.shop.services.visibility._parked_lookup._parked, "_age_s", 3_600)
    monkeypatch.setattr(parked_streams, "REFRESH_S", 3_600)


def get(both: BothSides, path: str, **headers: str) -> testing.Result:
    return both.shop.staff.simulate_get(path, headers=headers)


def since(both: BothSides, stream: str) -> datetime:
    """When a stream was parked, by what is stored; the earliest of several read models."""
    return min(one.since for one in both.read.parking.every() if one.stream == stream)


def told(body: dict[str, Any]) -> datetime | None:
    if "stale" not in body:
        return None
    assert body["stale"].keys() == {"since"}
    assert body["stale"]["since"].endswith("Z")
    return datetime.fromisoformat(body["stale"]["since"])


def open_the_shop(both: BothSides) -> None:
    """Ann with two orders, Bob with one, two products; nothing projected."""
    for n in (1, 2):
        both.write.do(messages.register_customer(customer_id=f"c{n}"))
        both.write.do(messages.add_product(product_id=f"p{n}"))
    for placed, customer in ((O1, "c1"), (O2, "c1"), (FOREIGN, "c2")):
        both.write.do(messages.place_order(order_id=placed, customer_id=customer))
    both.write.do(messages.change_customer(name="Ann Baker"))
    both.write.do(CONFIRMED)  # so without the new name, too, an order is at this position
    both.write.do(messages.change_product(name="Pot"))


def mend(both: BothSides) -> None:
    """Retry all that can be, and rebuild nothing."""
    repair(both.write)
    parked_retry = ParkedRetry(
        both.shop.log, both.read.registry, both.read.checkpoints, both.read.parking, "ops"
    )
    for parked in both.read.parking.every():
        try:
            assert parked_retry.retry(parked) is None
        except RebuildNeededError:
            continue
    both.look_again()


def test_whatever_a_token_would_be_refused_is_marked_without_one(both: BothSides) -> None:
    shop = both.shop
    for n in (1, 2):
        shop.happened(f"customer-c{n}", messages.customer_registered(customer_id=f"c{n}"))
        shop.happened(f"product-p{n}", messages.product_added(product_id=f"p{n}"))
        shop.happened(f"order-o{n}", messages.order_placed(order_id=f"o{n}", customer_id=f"c{n}"))
    both.reached(9)
    for model, stream, hidden in PARKED:
        both.park(model, stream, 5)
        found = {path: told(get(both, path).json) for path in PATHS}
        assert {path for path, moment in found.items() if moment} == hidden, (model, stream)
        assert set(found.values()) == {None, since(both, stream)}
        assert get(both, "/orders/o1?consistency=strong").status_code == 404, "nothing of it is in the log"
        shop.read["parked"].delete_many({})
    both.look_again()
    assert {told(get(both, path).json) for path in PATHS} == {None}


ROWS: list[tuple[str, str, str, set[str]]] = [
    ("order_summary", f"order-{O1}", "orders", {O1}),
    ("order_summary", "customer-c1", "orders", {O1, O2}),
    ("order_summary", "product-p1", "orders", set()),
    ("customers", "customer-c1", "customers", {"c1"}),
    ("customers", f"order-{O1}", "customers", {"c1"}),
    ("customers", "order-nobody-knows", "customers", {"c1", "c2"}),
    ("products", "product-p2", "products", {"p2"}),
]


@pytest.mark.parametrize(("model", "stream", "path", "missing"), ROWS)
def test_each_row_says_it_of_itself_and_the_page_of_what_has_no_row(
    both: BothSides, model: str, stream: str, path: str, missing: set[str]
) -> None:
    open_the_shop(both)
    both.read.drain()
    both.park(model, stream, 1)
    identity = path.removesuffix("s") + "_id"
    rows, cursor = [], ""
    while True:
        page = get(both, f"/{path}?limit=1{cursor}").json
        assert told(page) == since(both, stream)
        rows += page[path]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert {row[identity] for row in rows if told(row)} == missing
    assert {told(row) for row in rows} <= {None, since(both, stream)}
    assert len(rows) >= 2


def test_a_customers_own_list_minds_what_may_be_its_own(both: BothSides) -> None:
    open_the_shop(both)
    both.read.drain()
    for stream, concerned in {
        f"order-{O1}": {"c1"},
        "customer-c1": {"c1"},
        "order-nobody-knows": {"c1", "c2"},
        "product-p1": set(),
    }.items():
        both.park("order_summary", stream, 1)
        pages = {name: get(both, f"/orders?customer_id={name}").json for name in ("c1", "c2")}
        assert {name for name, page in pages.items() if told(page)} == concerned, stream
        both.shop.read["parked"].delete_many({})


def test_the_longest_missing_counts(both: BothSides) -> None:
    open_the_shop(both)
    both.read.drain()
    both.park("order_detail", "customer-c1", 5)
    both.shop.read["parked"].update_one({}, {"$set": {"since": messages.NOW}})
    both.park("order_detail", f"order-{O1}", 6)
    assert told(get(both, f"/orders/{O1}").json) == messages.NOW


@pytest.mark.parametrize(
    ("stream", "version", "path", "change"),
    [
        (f"order-{O1}", 2, f"/orders/{O1}", lambda body: body["status"]),
        ("customer-c1", 2, f"/orders/{O1}", lambda body: body["customer_name"]),
        ("product-p1", 2, "/products/p1", lambda body: body["name"]),
    ],
)
def test_etags_change_as_an_answer_goes_stale_and_is_mended(  # noqa: PLR0917 - what each is about
    both: BothSides, a_long_second: None, stream: str, version: int, path: str, change: Change
) -> None:
    open_the_shop(both)
    get(both, path)  # from here on, nothing is known to be parked
    spoil(both.write, stream, version)
    both.read.drain()
    window = get(both, path)  # somebody may ask before it is known here that the stream is parked
    both.look_again()
    stale = get(both, path)
    mend(both)
    mended = get(both, path)

    seen = [window, stale, mended]
    assert [told(result.json) is not None for result in seen] == [False, True, False]
    assert change(window.json) == change(stale.json) != change(mended.json)
    tags = [result.headers["etag"] for result in seen]
    assert len(set(tags)) == 3
    for tag in tags[:2]:
        assert get(both, path, **{"If-None-Match": tag}).status_code == 200
    assert get(both, path, **{"If-None-Match": tags[2]}).status_code == 304
    both.write.do(messages.change_customer(name="Ann Cole"))
    both.write.do(messages.change_product(unit_price=1))
    both.read.drain()
    assert get(both, path, **{"If-None-Match": tags[2]}).status_code == 200


def test_what_is_stale_and_unchanged_is_not_sent_again(both: BothSides) -> None:
    open_the_shop(both)
    both.read.drain()
    both.park("order_detail", f"order-{O1}", 1)
    tag = get(both, f"/orders/{O1}").headers["etag"]
    again = get(both, f"/orders/{O1}", **{"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    version = tag.split(".")[0].strip('"')
    patched = both.ask(
        both.shop.staff, "PATCH", f"/orders/{O1}/status", {"status": "shipped"}, **{"If-Match": tag}
    )
    assert (version, patched.status_code) == ("v2", 204), "a change minds the version only"


@pytest.mark.parametrize("stream", [f"order-{O1}", "customer-c1"])
def test_a_strong_read_is_never_stale_and_never_taken_for_a_weaker_one(
    both: BothSides, a_long_second: None, stream: str
) -> None:
    open_the_shop(both)
    get(both, "/orders/x")  # from here on, nothing is known to be parked
    spoil(both.write, stream, 2)
    both.read.drain()
    path = f"/orders/{O1}?consistency=strong"
    assert get(both, path).status_code == 503
    repair(both.write)
    tags = [get(both, f"/orders/{O1}").headers["etag"]]
    both.look_again()
    tags.append(get(both, f"/orders/{O1}").headers["etag"])
    strong = get(both, path, **{"If-None-Match": ", ".join(tags)})
    assert (strong.status_code, told(strong.json)) == (200, None)
    assert (strong.json["status"], strong.json["customer_name"]) == ("confirmed", "Ann Baker")
    assert get(both, path, **{"If-None-Match": strong.headers["etag"]}).status_code == 304


def test_an_order_that_is_shown_nowhere_is_missed_by_the_list(both: BothSides) -> None:
    open_the_shop(both)
    spoil(both.write, f"order-{O1}", 1)
    both.read.drain()
    both.look_again()
    assert get(both, f"/orders/{O1}").status_code == 404
    page = get(both, "/orders?customer_id=c1").json
    assert ([row["order_id"] for row in page["orders"]], told(page) is None) == ([O2], False)
    assert [told(row) for row in page["orders"]] == [None]
    mend(both)
    page = get(both, "/orders?customer_id=c1").json
    assert ([row["order_id"] for row in page["orders"]], told(page)) == ([O2, O1], None)
    assert get(both, f"/orders/{O1}").json["status"] == "confirmed"


def test_tokens_and_visibility_follow_what_is_parked_at_once(both: BothSides, a_long_second: None) -> None:
    open_the_shop(both)
    accepted = both.write.accept(messages.change_order_status(OrderStatus.SHIPPED, order_id=O1))
    done = both.write.handling(accepted)
    assert done is not None
    both.read.drain()
    get(both, f"/orders/{O1}")  # from here on, nothing is known to be parked
    spoil(both.write, f"order-{O1}", 3)
    for model in (ORDER_SUMMARY, ORDER_DETAIL):
        both.read.database[f"{model.name}.g1"].delete_many({})
        where = {"name": model.name}
        both.read.database["checkpoints"].update_many(where, {"$set": {"position": 0}})
    ReadSide(both.shop.log, both.shop.read).drain()  # a process that has not read the log before
    command, token = f"/commands/{accepted.command_id}", f"{done.partition}-{done.seq}"

    refused = get(both, f"/orders/{O1}", **{"Consistency-Token": token, "Prefer": "wait=0"})
    earlier = get(both, f"/orders/{O1}", **{"Consistency-Token": f"{done.partition}-1"})
    visible = get(both, command).json["visible"]
    assert (refused.status_code, refused.json["type"]) == (503, "/problems/read-model-behind")
    assert (earlier.status_code, told(earlier.json) is None) == (200, False), "marked by what is parked now"
    assert (visible["order_summary"], visible["order_detail"], visible["customers"]) == (False, False, True)

    mend(both)
    shown = get(both, f"/orders/{O1}", **{"Consistency-Token": token})
    assert (shown.status_code, shown.json["status"], told(shown.json)) == (200, "shipped", None)
    assert set(get(both, command).json["visible"].values()) == {True}
    assert audit(both.shop.log, both.shop.read, [ORDER_SUMMARY, ORDER_DETAIL]) == []


def test_looking_costs_next_to_nothing(both: BothSides, a_long_second: None) -> None:
    finds = Finds()
    settings = both.shop.settings
    client: MongoClient[dict[str, Any]] = MongoClient(
        settings.read_mongodb_uri.get_secret_value(), tz_aware=True, event_listeners=[finds]
    )
    with client:
        known = parked_streams.ParkedLookup(Parking(client[settings.read_database]))
        both.park("order_summary", "order-o1", 5)
        for _ in range(100):
            assert known.of("order_summary", 1).keys() == {"order-o1"}
            assert known.of("products", 1) == {}
    assert finds.asked == ["parked"]
