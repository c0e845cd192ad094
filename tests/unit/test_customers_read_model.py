"""Customers as they are shown, with how much they have ordered."""

from typing import Any

import pytest

from read_side.projections import customers
from read_side.projections.customers import CUSTOMERS
from tests.support.messages import (
    customer_email_changed,
    customer_registered,
    customer_renamed,
    order_cancelled,
    order_confirmed,
    order_placed,
    product_added,
)
from tests.unit.projecting import Projection, project


def customer(projection: Projection) -> dict[str, Any]:
    found = customers.by_id(projection.stored, "c1")
    assert found is not None
    return found


def test_a_registered_customer_has_ordered_nothing() -> None:
    assert customer(project(CUSTOMERS, product_added(), customer_registered())) == {
        "customer_id": "c1",
        "name": "Ann Archer",
        "email": "ann@example.com",
        "orders": 0,
        "spent": {},
        "version": 1,
        "_pos": 1,
    }


def test_name_and_address_change_in_one_commit() -> None:
    shown = customer(
        project(CUSTOMERS, customer_registered(), (customer_renamed(), customer_email_changed()))
    )
    assert (shown["name"], shown["email"], shown["version"]) == ("Ann Baker", "baker@example.com", 2)


def test_orders_count_and_do_not_raise_the_version() -> None:
    shown = customer(
        project(
            CUSTOMERS,
            customer_registered(),
            customer_renamed(),
            order_placed(),
            order_confirmed(),
            order_placed(order_id="o2"),
            order_placed(order_id="o3", currency="USD", total=99),
        )
    )
    assert (shown["orders"], shown["spent"]) == (3, {"EUR": 12700, "USD": 99})
    assert (shown["version"], shown["_pos"]) == (2, 6)


def test_a_cancelled_order_was_placed_but_nothing_is_spent_on_it() -> None:
    happened = (customer_registered(), order_placed(), order_placed(order_id="o2"), order_cancelled())
    shown = customer(project(CUSTOMERS, *happened))
    assert (shown["orders"], shown["spent"]) == (2, {"EUR": 6350})
    shown = customer(project(CUSTOMERS, *happened, order_cancelled(order_id="o2")))
    assert (shown["orders"], shown["spent"]) == (2, {"EUR": 0})


def test_a_free_order_can_be_cancelled() -> None:
    shown = customer(
        project(CUSTOMERS, customer_registered(), order_placed(total=0), order_cancelled(total=0))
    )
    assert (shown["orders"], shown["spent"]) == (1, {"EUR": 0})


@pytest.mark.parametrize(
    "happened", [customer_renamed(), customer_email_changed(), order_placed(), order_cancelled()]
)
def test_what_was_never_registered_cannot_change(happened: Any) -> None:
    with pytest.raises(KeyError):
        project(CUSTOMERS, happened)


@pytest.mark.parametrize("over", [{"currency": "USD"}, {"total": 6351}])
def test_what_was_never_spent_cannot_be_cancelled(over: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        project(CUSTOMERS, customer_registered(), order_placed(), order_cancelled(**over))


def test_pages_ascend_by_id() -> None:
    ids = ["B", "a", "a.b", "b", "c1"]
    shown = project(CUSTOMERS, *(customer_registered(customer_id=each) for each in reversed(ids))).stored
    first = customers.page(shown, limit=3)
    assert [row["customer_id"] for row in first.documents] == ids[:3]
    assert "_pos" not in first.documents[0]
    rest = customers.page(shown, limit=3, after=first.next_after)
    assert ([row["customer_id"] for row in rest.documents], rest.next_after) == (ids[3:], None)
    exactly = customers.page(shown, limit=5)
    assert (len(exactly.documents), exactly.next_after) == (5, None)


def test_an_unknown_customer_is_not_found() -> None:
    assert customers.by_id(project(CUSTOMERS, customer_registered()).stored, "c2") is None
