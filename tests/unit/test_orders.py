"""Orders: placing them. Their later life is in ``test_order_status``."""

from datetime import timedelta
from typing import Any

import pytest

from bus.messages.principal import Principal
from bus.messages.rejection import RejectionKind
from bus.messages.values import MAX_TOTAL, OrderStatus
from tests.support.messages import (
    ANN,
    BOB,
    NOW,
    PLACED_AT,
    SECOND,
    TEAPOTS,
    TINS,
    change_order_status,
    customer,
    facts,
    order_placed,
    place_order,
    product,
    sold,
)
from tests.unit.scenario import given
from write_side.domain.orders import Order, evolve

MILLISECOND = timedelta(milliseconds=1)


def products(**over: Any) -> dict[str, Any]:
    """The usual two products, with others in their place."""
    return {**facts().products, **over}


def test_placing_takes_names_and_prices_from_the_facts() -> None:
    given().when(place_order(), facts(at=PLACED_AT)).then(order_placed())


def test_the_customers_name_is_the_one_it_has_now() -> None:
    renamed = facts(at=PLACED_AT, customer=customer(name="Ann Baker"))
    given().when(place_order(), renamed).then(order_placed(customer_name="Ann Baker"))


def test_an_order_keeps_its_reference_and_address() -> None:
    address = {"line1": "2 Low Road", "line2": "Flat 3", "city": "York", "country": "GB"}
    command = place_order(reference="PO-7", shipping_address=address)
    placed = order_placed(reference="PO-7", shipping_address=address)
    given().when(command, facts(at=PLACED_AT)).then(placed)


def test_a_customer_places_its_own() -> None:
    given().when(place_order(), facts(at=PLACED_AT, by=ANN)).then(order_placed())


def test_an_order_from_the_past_was_placed_then() -> None:
    given().when(place_order(occurred_at=PLACED_AT)).then(order_placed(placed_at=PLACED_AT))


def test_now_is_not_the_future() -> None:
    given().when(place_order(occurred_at=NOW)).then(order_placed(placed_at=NOW))


def test_the_future_is_refused() -> None:
    command = place_order(occurred_at=NOW + MILLISECOND)
    given().when(command).refused("occurred-at-in-future", RejectionKind.INVALID, "occurred_at")


def test_an_id_is_taken_once() -> None:
    given(order_placed()).when(place_order()).refused("id-taken", RejectionKind.CONFLICT)


def test_a_taken_id_is_told_before_anything_wrong_in_the_order() -> None:
    nothing_known = facts(customer=None, products={"p1": None, "p2": None})
    given(order_placed()).when(place_order(), nothing_known).refused("id-taken", RejectionKind.CONFLICT)


def test_an_unknown_customer() -> None:
    decided = given().when(place_order(), facts(customer=None))
    decided.refused("unknown-customer", RejectionKind.INVALID, "customer_id")


def test_an_unknown_product() -> None:
    decided = given().when(place_order(), facts(products=products(p2=None)))
    decided.refused("unknown-product", RejectionKind.INVALID, "items.1.product_id")


def test_a_discontinued_product() -> None:
    decided = given().when(place_order(), facts(products=products(p1=product(discontinued=True))))
    decided.refused("product-discontinued", RejectionKind.INVALID, "items.0.product_id")


def test_mixed_currencies_name_each_line_unlike_the_first() -> None:
    dollars = products(p2=product(product_id="p2", currency="USD"))
    decided = given().when(place_order(), facts(products=dollars))
    decided.refused("mixed-currencies", RejectionKind.INVALID, "items.1.product_id")


def test_a_product_that_cannot_be_sold_does_not_set_the_currency() -> None:
    gone = products(p1=product(currency="USD", discontinued=True))
    decided = given().when(place_order(), facts(products=gone))
    decided.refused("product-discontinued", RejectionKind.INVALID, "items.0.product_id")


def test_the_currency_is_that_of_the_products() -> None:
    pounds = products(p1=product(currency="GBP"))
    teapots = order_placed().lines[:1]
    given().when(place_order(items=(TEAPOTS,)), facts(at=PLACED_AT, products=pounds)).then(
        order_placed(currency="GBP", lines=teapots, total=5000, units=2)
    )


def test_the_total_may_reach_the_limit() -> None:
    dear = facts(at=PLACED_AT, products={"p1": product(unit_price=10**9)})
    command = place_order(items=({"product_id": "p1", "quantity": 1000},))
    line = sold(TEAPOTS | {"quantity": 1000}, "Teapot", 10**9)
    given().when(command, dear).then(order_placed(lines=(line,), total=MAX_TOTAL, units=1000))


def test_the_total_may_not_pass_the_limit() -> None:
    dear = facts(products=products(p1=product(unit_price=10**9), p2=product(product_id="p2", unit_price=1)))
    command = place_order(items=({"product_id": "p1", "quantity": 1000}, TINS))
    given().when(command, dear).refused("total-too-large", RejectionKind.INVALID, "items")


def test_a_line_is_sold_at_the_price_that_was_agreed() -> None:
    """Whatever the catalogue says; the same product may stand on several lines."""
    agreed = TEAPOTS | {"unit_price": 2000, "discount": 500}
    free = TEAPOTS | {"unit_price": 0}
    taken_off = TEAPOTS | {"discount": 5000}
    lines = [sold(item, "Teapot", 2500) for item in (agreed, free, taken_off, TEAPOTS)]
    assert [line["line_total"] for line in lines] == [3500, 0, 0, 5000]
    given().when(place_order(items=(agreed, free, taken_off, TEAPOTS)), facts(at=PLACED_AT)).then(
        order_placed(lines=lines, total=8500, units=8)
    )


def test_no_more_is_taken_off_than_a_line_costs() -> None:
    command = place_order(items=(TINS, TEAPOTS | {"discount": 5001}))
    decided = given().when(command)
    decided.refused("discount-too-large", RejectionKind.INVALID, "items.1.discount")


def test_a_walk_in_order_belongs_to_nobody_and_may_be_taken_along() -> None:
    command = place_order(customer_id=None, shipping_address=None)
    placed = order_placed(customer_id=None, customer_name="Walk-in", shipping_address=None)
    given().when(command, facts(at=PLACED_AT, customer=None)).then(placed)


@pytest.mark.parametrize("by", [ANN, BOB])
def test_no_customer_cancels_a_walk_in_order(by: Principal) -> None:
    placed = order_placed(customer_id=None, customer_name="Walk-in")
    cancel = change_order_status(OrderStatus.CANCELLED)
    given(placed).when(cancel, facts(by=by)).refused("unknown-order", RejectionKind.NOT_FOUND)


def test_everything_wrong_is_told_at_once() -> None:
    wrong = {
        "p1": None,
        "p2": product(product_id="p2", discontinued=True),
        "p3": product(product_id="p3", unit_price=10**9),
        "p4": product(product_id="p4", currency="USD"),
    }
    items = [{"product_id": key, "quantity": 10_000} for key in wrong]
    command = place_order(items=items, occurred_at=NOW + SECOND)
    rejection = (
        given()
        .when(command, facts(customer=None, products=wrong))
        .refused(
            "unknown-customer",
            RejectionKind.INVALID,
            "customer_id",
            "items.0.product_id",
            "items.1.product_id",
            "items.3.product_id",
            "items",
            "occurred_at",
        )
    )
    assert rejection.detail == "customer_id: there is no customer c1"


def test_a_product_that_nobody_looked_up_is_not_unknown_but_a_mistake() -> None:
    with pytest.raises(KeyError):
        given().when(place_order(), facts(products={}))


def test_a_placed_order_is_pending_since_then() -> None:
    assert evolve(None, order_placed()) == Order.model_validate(
        {
            "order_id": "o1",
            "customer_id": "c1",
            "status": OrderStatus.PENDING,
            "placed_at": PLACED_AT,
            "changed_at": PLACED_AT,
            "currency": "EUR",
            "total": 6350,
            "units": 5,
            "lines": [TEAPOTS | {"amount": 5000}, TINS | {"amount": 1350}],
        }
    )


def test_a_history_has_one_placing() -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        given(order_placed(), order_placed()).when(place_order())
