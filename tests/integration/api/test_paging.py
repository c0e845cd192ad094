"""Pages: all of it, once and in order, whatever is added or moves on between one page and the next."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import pytest
from falcon import testing
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.support import messages
from tests.support.shop_api import Shop

MILLISECOND = timedelta(milliseconds=1)


def told(moment: datetime) -> str:
    """With its milliseconds, so that it sorts as text."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


SPAN = [told(messages.PLACED_AT + n * MILLISECOND) for n in (0, 1)]
Filters = Mapping[str, str | list[str]]
FILTERS: list[Filters] = [
    {},
    {"customer_id": "c1"},
    {"status": "pending"},
    {"status": ["confirmed", "pending"]},
    {"customer_id": "c1", "status": "pending"},
    {"customer_id": "c1", "status": ["pending", "shipped"]},
    {"reference": "PO 1"},
    {"reference": "PO 1", "customer_id": "c1"},
    {"from": SPAN[0]},
    {"to": SPAN[1]},
    {"from": SPAN[0], "to": SPAN[1], "status": ["pending"], "reference": "PO 1"},
]

moments = st.integers(0, 2).map(lambda n: messages.PLACED_AT + n * MILLISECOND)
orders = st.builds(
    lambda placed_at, customer_id, status, reference: {
        "placed_at": placed_at,
        "customer_id": customer_id,
        "status": status,
        "reference": reference,
        "customer_name": "Somebody",
        "total": 1,
        "currency": "EUR",
        "item_count": 1,
        "version": 1,
        "_pos": 1,
    },
    moments,
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(["pending", "confirmed"]),
    st.sampled_from([None, "PO 1"]),
)
ids = st.text("ab.:_-|@+9Z", min_size=1, max_size=4)
some_orders = st.dictionaries(ids, orders, max_size=12)


def keep(shop: Shop, found: dict[str, dict[str, Any]], name: str = "order_summary") -> None:
    if found:
        shop.read[f"{name}.g1"].insert_many([{**order, "_id": key} for key, order in found.items()])


def passes(order: dict[str, Any], filters: Filters) -> bool:
    placed_at = told(order["placed_at"])
    equal = {name: value for name, value in filters.items() if name in {"customer_id", "reference"}}
    return (
        equal.items() <= order.items()
        and order["status"] in filters.get("status", order["status"])
        and str(filters.get("from", placed_at)) <= placed_at <= str(filters.get("to", placed_at))
    )


def matching(found: dict[str, dict[str, Any]], filters: Filters) -> list[str]:
    """What a list has to show, sorted in memory."""
    there = [key for key, order in found.items() if passes(order, filters)]
    return sorted(there, key=lambda key: (found[key]["placed_at"], key), reverse=True)


def pages(shop: Shop, path: str, limit: int, filters: Filters | None = None) -> Iterator[list[str]]:
    """The ids on one page after another."""
    name = path.strip("/")
    query: dict[str, Any] = {"limit": str(limit), **(filters or {})}
    shown_before: set[str] = set()
    while True:
        page = shop.staff.simulate_get(path, query_string=urlencode(query, doseq=True)).json
        assert len(page[name]) <= limit
        found = [shown[f"{name[:-1]}_id"] for shown in page[name]]
        assert not shown_before & set(found), "nothing comes twice"
        shown_before.update(found)
        yield found
        if page["next_cursor"] is None:
            return
        assert len(page[name]) == limit, "only the last page is short"
        query["cursor"] = page["next_cursor"]


def seen(shop: Shop, limit: int, filters: Filters, between: Callable[[], None]) -> list[str]:
    found: list[str] = []
    for page in pages(shop, "/orders", limit, filters):
        found += page
        between()
    return found


def checked(test: Any) -> Any:
    return examples(deadline=None, max_examples=40)(test)


def test_all_pages_together_are_the_sorted_list(shop: Shop) -> None:
    collection = shop.read["order_summary.g1"]

    @checked
    @given(some_orders, st.sampled_from(FILTERS), st.integers(1, 5))
    def check(found: dict[str, dict[str, Any]], filters: dict[str, str], limit: int) -> None:
        collection.delete_many({})
        keep(shop, found)
        assert seen(shop, limit, filters, lambda: None) == matching(found, filters)

    check()


def test_what_is_added_meanwhile_neither_doubles_nor_hides_anything(shop: Shop) -> None:
    collection = shop.read["order_summary.g1"]

    @checked
    @given(some_orders, st.lists(some_orders, max_size=4), st.sampled_from(FILTERS), st.integers(1, 3))
    def check(
        found: dict[str, dict[str, Any]],
        added: list[dict[str, dict[str, Any]]],
        filters: dict[str, str],
        limit: int,
    ) -> None:
        collection.delete_many({})
        keep(shop, found)
        everything, coming = dict(found), iter(added)

        def between() -> None:
            new = {key: order for key, order in next(coming, {}).items() if key not in everything}
            everything.update(new)
            keep(shop, new)

        shown = seen(shop, limit, filters, between)
        assert shown == [key for key in matching(everything, filters) if key in set(shown)], "in order, once"
        assert set(matching(found, filters)) <= set(shown), "nothing that was there is passed over"

    check()


def test_orders_that_move_on_meanwhile_come_at_most_once(shop: Shop) -> None:
    """Between two pages some leave the filter and others enter it; what stays in it is never missed."""
    collection = shop.read["order_summary.g1"]
    turned = {"pending": "confirmed", "confirmed": "pending"}

    @checked
    @given(some_orders, st.lists(st.sets(ids, max_size=4), max_size=5), st.integers(1, 3))
    def check(found: dict[str, dict[str, Any]], moves: list[set[str]], limit: int) -> None:
        collection.delete_many({})
        keep(shop, found)
        coming, moved = iter(moves), set[str]()

        def between() -> None:
            for key in next(coming, set()) & found.keys():
                moved.add(key)
                found[key]["status"] = turned[found[key]["status"]]
                collection.update_one({"_id": key}, {"$set": {"status": found[key]["status"]}})

        stay = set(matching(found, {"status": "pending"}))
        shown = seen(shop, limit, {"status": "pending"}, between)
        assert len(set(shown)) == len(shown)
        assert stay - moved <= set(shown)
        assert set(shown) <= stay | moved

    check()


@pytest.mark.parametrize("path", ["/products", "/customers"])
def test_pages_by_id(shop: Shop, path: str) -> None:
    name = path.strip("/")
    product = {
        "name": "x",
        "unit_price": 1,
        "currency": "EUR",
        "discontinued": False,
        "version": 1,
        "_pos": 1,
    }
    customer = {"name": "x", "email": "a@b.cd", "orders": 0, "spent": {}, "version": 1, "_pos": 1}
    document = product if name == "products" else customer
    there = [f"{letter}{n}" for letter in "aZ." for n in range(5)]
    keep(shop, dict.fromkeys(there, document), name)
    for limit in (1, 4, 5, 15, 100):
        assert [i for page in pages(shop, path, limit) for i in page] == sorted(there)
    walk = pages(shop, path, 4)
    first = next(walk)
    keep(shop, {"": document, f"{first[-1]}5": document, "zz": document}, name)
    rest = [i for page in walk for i in page]
    assert first + rest == sorted([*there, f"{first[-1]}5", "zz"]), "only what comes after is seen"


def asked_for(shop: Shop, path: str, filters: Filters) -> testing.Result:
    return shop.staff.simulate_get(path, query_string=urlencode(filters, doseq=True))


def cursor_of(shop: Shop, path: str, filters: Filters | None = None) -> str:
    cursor = asked_for(shop, path, {"limit": "1", **(filters or {})}).json["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


def test_a_damaged_cursor_is_a_400(shop: Shop) -> None:
    shop.happened("customer-c1", messages.customer_registered())
    for n in (1, 2):
        shop.happened(f"order-o{n}", messages.order_placed(order_id=f"o{n}"))
        shop.happened(f"product-p{n}", messages.product_added(product_id=f"p{n}"))
    for path in ("/orders", "/products"):
        good = cursor_of(shop, path)
        flipped = [
            f"{good[:n]}{'B' if good[n] == 'A' else 'A'}{good[n + 1 :]}" for n in range(0, len(good), 3)
        ]
        for bad in [
            *flipped,
            good[:-1],
            good + "A",
            good + "=",
            good * 2,
            good[1:],
            "%20" + good,
            good.swapcase(),
        ]:
            result = shop.staff.simulate_get(path, query_string=f"limit=1&cursor={bad}")
            assert (result.status_code, result.json["type"]) == (400, "/problems/malformed-cursor"), bad
        assert shop.staff.simulate_get(path, params={"limit": "1", "cursor": good}).status_code == 200
        assert shop.staff.simulate_get(path, params={"limit": "9", "cursor": good}).status_code == 200


def test_a_cursor_is_good_for_its_filter_only(shop: Shop) -> None:
    for n in (1, 2):
        shop.happened(f"customer-c{n}", messages.customer_registered(customer_id=f"c{n}"))
        shop.happened(f"order-o{n}", messages.order_placed(order_id=f"o{n}", reference="PO 1"))
        shop.happened(f"product-p{n}", messages.product_added(product_id=f"p{n}"))
    asked: list[tuple[str, Filters]] = [("/orders", filters) for filters in FILTERS]
    asked += [("/products", {}), ("/customers", {})]
    cursors = [cursor_of(shop, path, filters) for path, filters in asked]
    for ((path, filters), cursor), ((other_path, other_filters), _) in permutations(
        zip(asked, cursors, strict=True), 2
    ):
        assert asked_for(shop, path, {**filters, "cursor": cursor}).status_code == 200
        result = asked_for(shop, other_path, {**other_filters, "cursor": cursor})
        assert (result.status_code, result.json["type"]) == (400, "/problems/malformed-cursor")
    feed = shop.ops.simulate_get("/events").json["next"]
    assert shop.staff.simulate_get("/orders", params={"cursor": feed}).status_code == 400
    assert shop.ops.simulate_get("/events", params={"after": cursor_of(shop, "/orders")}).status_code == 400
