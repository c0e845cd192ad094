"""Consistency tokens: an answer has at least what its caller has seen, or says that it has not."""

from unittest import mock

import pytest
from falcon import testing

from api.app import routes
from tests.integration.api.both_sides import BothSides, home
from tests.support import messages
from tests.support.shop_api import Shop

PRODUCT = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
MODELS = {
    "/customers": "customers",
    "/customers/{customer_id}": "customers",
    "/products": "products",
    "/products/{product_id}": "products",
    "/orders": "order_summary",
    "/orders/{order_id}": "order_detail",
    "/analytics/orders": "order_analytics",
    "/analytics/products": "product_sales",
}
"""What each address is read from; commands and events are the write side's own."""
WRITE_SIDE = {"/commands/{command_id}", "/events"}


def get(shop: Shop, path: str, token: str, prefer: str = "wait=0") -> testing.Result:
    client = shop.ops if path.startswith(("/analytics", "/events")) else shop.staff
    headers = {"Consistency-Token": token, "Prefer": prefer}
    return client.simulate_get(path, headers=headers)


def is_behind(result: testing.Result) -> bool:
    if result.status_code == 503:
        assert result.json["type"] == "/problems/read-model-behind"
        assert result.headers["retry-after"] == "1"
        assert result.headers["content-type"] == "application/problem+json"
    return bool(result.status_code == 503)


def test_a_token_comes_out_and_goes_in(both: BothSides) -> None:
    shop = both.shop
    token = both.ask(shop.staff, "POST", "/products", PRODUCT).headers["consistency-token"]

    assert shop.staff.simulate_get("/products/p1").status_code == 404, "without it, what there is"
    assert is_behind(get(shop, "/products/p1", token))

    both.read.drain()
    assert get(shop, "/products/p1", token).json["name"] == "Teapot"


def test_a_command_that_changed_nothing_has_a_token_too(both: BothSides) -> None:
    both.ask(both.shop.staff, "POST", "/products", PRODUCT)
    quiet = both.ask(both.shop.staff, "PATCH", "/products/p1", {"name": "Teapot"})

    assert quiet.status_code == 204
    assert is_behind(get(both.shop, "/products/p1", quiet.headers["consistency-token"]))
    both.read.drain()
    assert get(both.shop, "/products/p1", quiet.headers["consistency-token"]).status_code == 200


def test_every_get_takes_a_token(both: BothSides) -> None:
    shop = both.shop
    protected = {r.path for r in routes(shop.services) if r.roles.get("GET")}
    operating = {path for path in protected if path.startswith(("/ops", "/metrics"))}
    assert protected - operating == WRITE_SIDE | set(MODELS)
    shop.happened("customer-c1", messages.customer_registered())
    shop.happened("product-p1", messages.product_added())
    shop.happened("order-o1", messages.order_placed())
    ids = {"customer_id": "c1", "product_id": "p1", "order_id": "o1"}
    both.reached(5)

    for template, model in MODELS.items():
        path = template.format(**ids)
        assert get(shop, path, "0-5").status_code == 200
        both.reached(4, model)
        assert is_behind(get(shop, path, "0-5")), path
        assert get(shop, path, "0-4").status_code == 200
        both.reached(5, model)


def test_several_tokens_are_all_asked_for(both: BothSides) -> None:
    both.reached(5, partition=0)
    both.reached(3, partition=1)

    found = {
        token: get(both.shop, "/products", token).status_code
        for token in (
            "0-5,1-3",
            "0-5 , 1-3,",
            "0-5,1-4",
            "1-3,0-6",
            "0-1,0-6,0-2",
            " ",
            ",".join(["0-1"] * 50),
        )
    }

    assert list(found.values()) == [200, 200, 503, 503, 503, 200, 200]


@pytest.mark.parametrize(
    "token",
    [
        *("x", "0", "0-", "-1", "0-1x", "0--1", "0-+1", "0 -1", "0-1 0-2", "0-1;0-2", '"0-1"', "0_1"),
        *("2-1", "9999-1", "0-" + "9" * 19, ",".join(["0-1"] * 51), "0-1,x"),
    ],
)
def test_what_is_no_token_is_a_400_everywhere(both: BothSides, token: str) -> None:
    command_id = both.shop.staff.simulate_post("/products", json=PRODUCT).json["command_id"]
    paths = ["/orders/o1?consistency=strong", f"/commands/{command_id}", "/events", *MODELS]
    for path in paths:
        result = get(both.shop, path.format(customer_id="c1", product_id="p1", order_id="o1"), token)
        assert (path, result.status_code) == (path, 400)
        assert result.json["type"] == "/problems/malformed-header"


def test_the_feed_does_not_end_before_a_token(both: BothSides) -> None:
    """A gap in the log hides what comes after it until it is closed."""
    token = both.ask(both.shop.staff, "POST", "/products", PRODUCT).headers["consistency-token"]
    partition = home("product-p1")
    assert len(get(both.shop, "/events", token).json["events"]) == 1
    both.write.log._claim([mock.Mock(partition=partition)])  # and its writer dies
    later = both.ask(both.shop.staff, "PATCH", "/products/p1", {"name": "Pot"}).headers["consistency-token"]

    assert is_behind(get(both.shop, "/events", later))
    assert get(both.shop, "/events?limit=1", later).status_code == 200, "a full page is not the end"
    both.write.log.close([(partition, 2)])
    assert len(get(both.shop, "/events", later).json["events"]) == 2
