"""Conditional requests, HEAD, and which refusal comes first: through the real handling of commands."""

from itertools import pairwise
from typing import Any

import pytest
from falcon import testing

from api.app import routes
from bus.messages.registry import AnyCommand
from bus.messages.values import OrderStatus
from read_side.generations.registry import collection_name
from read_side.projections import READ_MODELS
from tests.integration.api.both_sides import BothSides
from tests.integration.sides import order_id
from tests.support import messages

ORDER = order_id("c1")
CONFIRMED = messages.change_order_status(OrderStatus.CONFIRMED, order_id=ORDER)
SINGLE = ["/customers/c1", "/products/p1", f"/orders/{ORDER}", "/commands/k1"]


@pytest.fixture(autouse=True)
def _opened(both: BothSides) -> None:
    """Ann, a teapot, and Ann's order of one, all shown."""
    both.write.do(messages.register_customer())
    both.write.do(messages.add_product())
    items = ({"product_id": "p1", "quantity": 1},)
    both.write.do(messages.place_order(order_id=ORDER, items=items))
    both.read.drain()


def get(both: BothSides, path: str, **headers: str) -> testing.Result:
    return both.shop.staff.simulate_get(path, headers=headers)


def patch(both: BothSides, path: str, body: Any, if_match: str) -> testing.Result:
    return both.ask(both.shop.staff, "PATCH", path, body, **{"If-Match": if_match})


def shown_after(both: BothSides, *commands: AnyCommand) -> None:
    for command in commands:
        both.write.do(command)
    both.read.drain()


@pytest.mark.parametrize("path", SINGLE)
def test_what_the_caller_has_is_not_sent_again(both: BothSides, path: str) -> None:
    first = get(both, path)
    etag = first.headers["etag"]
    known = [etag, f"W/{etag}", f'"other", {etag}', "*"]

    same = [get(both, path, **{"If-None-Match": header}) for header in known]
    unknown = [get(both, path, **{"If-None-Match": h}) for h in ('"v1"', '"other"', etag.strip('"'), "", '"')]

    assert first.status_code == 200
    for result in same:
        assert (result.status_code, result.content) == (304, b"")
        assert result.headers["etag"] == etag
        for name in ("cache-control", "vary"):
            assert result.headers[name] == first.headers[name]
        assert "content-type" not in result.headers or "content-length" not in result.headers
    for result in unknown:
        assert (result.status_code, result.content) == (200, first.content)


def test_an_etag_starts_with_the_version_and_ends_with_the_position(both: BothSides) -> None:
    shown_after(both, CONFIRMED, messages.change_customer(email="new@example.com"))
    found = {path: get(both, path) for path in SINGLE[:3]}
    for path, result in found.items():
        name = {"customers": "customers", "products": "products", "orders": "order_detail"}[
            path.split("/")[1]
        ]
        stored = both.shop.read[f"{name}.g1"].find_one({"_id": path.split("/")[2]})
        assert stored is not None
        assert result.headers["etag"] == f'"v{result.json["version"]}.1.{stored["_pos"]}"'
    assert [result.json["version"] for result in found.values()] == [2, 1, 2]


def test_an_etag_changes_whenever_the_answer_does(both: BothSides) -> None:
    order, customer = f"/orders/{ORDER}", "/customers/c1"
    seen: dict[str, list[tuple[str, bytes]]] = {order: [], customer: []}

    def look() -> None:
        for path, answers in seen.items():
            result = get(both, path)
            answers.append((result.headers["etag"], result.content))

    look()
    shown_after(both, messages.change_customer(name="Ann Baker"))
    look()
    shown_after(both, CONFIRMED)
    look()
    look()
    shown_after(both, messages.change_order_status(OrderStatus.CANCELLED, order_id=ORDER))
    look()

    for path, answers in seen.items():
        for (etag, body), (next_etag, next_body) in pairwise(answers):
            assert (etag == next_etag) is (body == next_body), path
    assert len(set(seen[order])) == 4
    assert len({etag.split(".")[0] for etag, _ in seen[order]}) == 3, "a rename is no version of the order"


def test_an_etag_changes_with_the_generation(both: BothSides) -> None:
    """Another generation may have been folded by other code."""
    before = {path: get(both, path).headers["etag"] for path in SINGLE[:3]}
    read, registry = both.shop.read, both.shop.services.freshness._store._registry
    second = [collection_name(model.name, 2) for model in READ_MODELS]
    try:
        for model, name in zip(READ_MODELS, second, strict=True):
            read[name].insert_many(list(read[collection_name(model.name, 1)].find()))
        read["read_models"].update_many({}, {"$set": {"live": 2}})
        registry.forget()
        for path, etag in before.items():
            result = get(both, path, **{"If-None-Match": etag})
            assert result.status_code == 200
            assert result.headers["etag"] == etag.replace(".1.", ".2.", 1)
    finally:
        read["read_models"].update_many({}, {"$set": {"live": 1}})
        registry.forget()
        for name in second:
            read[name].drop()


def test_a_commands_etag_changes_as_it_becomes_visible(both: BothSides) -> None:
    accepted = both.write.accept(messages.change_product(name="Pot"))
    path = f"/commands/{accepted.command_id}"
    tags = [get(both, path).headers["etag"]]
    both.write.handling(accepted)
    tags.append(get(both, path).headers["etag"])
    both.read.drain(READ_MODELS[-1:])
    tags.append(get(both, path).headers["etag"])
    assert len(set(tags)) == 3


@pytest.mark.usefixtures("unhurried")
def test_head_is_get_without_the_body(both: BothSides) -> None:
    """The same headers and no body, wherever GET is, also where it ends in a problem."""
    ids = {"customer_id": "c1", "product_id": "p1", "order_id": ORDER, "command_id": "k1", "file": "x"}
    ids |= {"story_id": ORDER, "failure_id": "k1", "code": "forbidden"}
    gets = [route.path for route in routes(both.shop.services) if "GET" in route.roles]
    assert len(gets) >= 12
    nowhere = {name: "nope" for name in ids}  # noqa: C420 - the names are the ids'
    paths = {path.format(**known) for path in gets for known in (ids, nowhere)} | {"/orders?limit=0"}
    for path in sorted(paths):
        client = both.shop.ops if path == "/events" else both.shop.staff
        got, head = client.simulate_get(path), client.simulate_head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        volatile = {"x-correlation-id"}
        assert {n: v for n, v in head.headers.items() if n not in volatile} == {
            n: v for n, v in got.headers.items() if n not in volatile
        }, path
    etag = get(both, "/products/p1").headers["etag"]
    unchanged = both.shop.staff.simulate_head("/products/p1", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.headers["etag"]) == (304, etag)


CHANGES = {
    "/customers/c1": {"name": "Ann Baker"},
    "/products/p1": {"name": "Pot"},
    f"/orders/{ORDER}/status": {"status": "confirmed"},
}


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    "if_match", ['"v1"', '"v1.1.9"', 'W/"v1.7.7"', "ETAG", '"v9", "v1"', ' "x" ,"v1"', "*", " * "]
)
def test_if_match_lets_the_known_version_be_changed(both: BothSides, path: str, if_match: str) -> None:
    etag = get(both, path.removesuffix("/status")).headers["etag"]
    result = patch(both, path, CHANGES[path], if_match.replace("ETAG", etag))
    assert (result.status_code, result.content) == (204, b"")


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    "if_match", ['"v2"', '"v0.1.1", "v9"', '"other"', 'W/"v3"', '""', '"v99999999999999999999"']
)
def test_if_match_keeps_others_off(both: BothSides, path: str, if_match: str) -> None:
    result = patch(both, path, CHANGES[path], if_match)
    assert result.status_code == 412
    assert result.json["type"] == "/problems/version-mismatch"
    shown_after(both)
    assert get(both, path.removesuffix("/status")).json["version"] == 1


@pytest.mark.parametrize("if_match", ["v1", '"v1', "", ",", '"v1" "v2"x', "*, *"])
def test_if_match_must_be_readable(both: BothSides, if_match: str) -> None:
    assert patch(both, "/products/p1", {"name": "Pot"}, if_match).status_code == 400


def test_the_order_of_refusals(both: BothSides) -> None:
    """An unknown target, then another version, then what the rules say."""
    shipped, bad = {"status": "shipped"}, {"status": "confirmed", "occurred_at": "2999-01-01T00:00:00Z"}
    found = {
        (path, if_match): patch(both, path, body, if_match).status_code
        for path, body in [
            ("/orders/nope/status", shipped),
            ("/customers/nope", {"name": "x"}),
            ("/products/nope", {"name": "x"}),
            (f"/orders/{ORDER}/status", shipped),
        ]
        for if_match in ('"v7"', '"v1"', "*")
    }
    late = [patch(both, f"/orders/{ORDER}/status", bad, version).status_code for version in ('"v7"', '"v1"')]

    nowhere = {status for (path, _), status in found.items() if "nope" in path}
    assert nowhere == {404}
    assert [status for (path, _), status in found.items() if ORDER in path] == [412, 409, 409]
    assert late == [412, 422]
    hidden = both.ask(
        both.shop.bob, "PATCH", f"/orders/{ORDER}/status", {"status": "cancelled"}, **{"If-Match": '"v7"'}
    )
    assert (hidden.status_code, hidden.json["type"]) == (404, "/problems/unknown-order")


def test_a_change_that_changes_nothing_still_minds_its_version(both: BothSides) -> None:
    same = {"name": "Teapot"}
    assert patch(both, "/products/p1", same, '"v1"').status_code == 204
    assert patch(both, "/products/p1", same, '"v2"').status_code == 412
