"""Products as they are offered now."""

from typing import Any

import pytest

from read_side.projections import products
from read_side.projections.products import PRODUCTS
from tests.support.messages import (
    customer_registered,
    order_placed,
    product_added,
    product_discontinued,
    product_reinstated,
    product_renamed,
    product_repriced,
)
from tests.unit.projecting import Projection, project


def product(projection: Projection) -> dict[str, Any]:
    found = products.by_id(projection.stored, "p1")
    assert found is not None
    return found


def test_an_added_product_is_on_offer() -> None:
    assert product(project(PRODUCTS, customer_registered(), product_added(), order_placed())) == {
        "product_id": "p1",
        "name": "Teapot",
        "unit_price": 2500,
        "currency": "EUR",
        "discontinued": False,
        "version": 1,
        "_pos": 1,
    }


def test_everything_changes_in_one_commit() -> None:
    shown = product(
        project(PRODUCTS, product_added(), (product_renamed(), product_repriced(), product_discontinued()))
    )
    assert (shown["name"], shown["unit_price"], shown["discontinued"]) == ("Brown teapot", 2700, True)
    assert shown["version"] == 2


def test_a_discontinued_product_can_come_back() -> None:
    shown = product(project(PRODUCTS, product_added(), product_discontinued(), product_reinstated()))
    assert (shown["discontinued"], shown["version"]) == (False, 3)


@pytest.mark.parametrize(
    "happened", [product_renamed(), product_repriced(), product_discontinued(), product_reinstated()]
)
def test_what_was_never_added_cannot_change(happened: Any) -> None:
    with pytest.raises(KeyError):
        project(PRODUCTS, happened)


def test_pages_ascend_by_id_and_show_discontinued_ones() -> None:
    added = [product_added(product_id=each) for each in ("p3", "p1", "p2")]
    shown = project(PRODUCTS, *added, product_discontinued()).stored
    first = products.page(shown, limit=2)
    assert [(row["product_id"], row["discontinued"]) for row in first.documents] == [
        ("p1", True),
        ("p2", False),
    ]
    rest = products.page(shown, limit=2, after=first.next_after)
    assert ([row["product_id"] for row in rest.documents], rest.next_after) == (["p3"], None)


def test_an_unknown_product_is_not_found() -> None:
    assert products.by_id(project(PRODUCTS, product_added()).stored, "p2") is None
