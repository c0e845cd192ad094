"""Products: adding and changing them."""

from typing import Any

import pytest

from bus.messages.registry import AnyEvent
from bus.messages.rejection import RejectionKind
from tests.support.messages import (
    add_product,
    change_product,
    product,
    product_added,
    product_discontinued,
    product_reinstated,
    product_renamed,
    product_repriced,
)
from tests.unit.scenario import given
from write_side.domain.products import evolve


def test_adding_puts_a_product_on_sale() -> None:
    given().when(add_product()).then(product_added())


def test_a_product_may_be_free() -> None:
    given().when(add_product(unit_price=0)).then(product_added(unit_price=0))


def test_an_id_is_taken_once() -> None:
    given(product_added()).when(add_product()).refused("id-taken", RejectionKind.CONFLICT)


def test_the_id_of_a_discontinued_product_stays_taken() -> None:
    history = product_added(), product_discontinued()
    given(*history).when(add_product()).refused("id-taken", RejectionKind.CONFLICT)


def test_renaming() -> None:
    given(product_added()).when(change_product(name="Brown teapot")).then(product_renamed())


def test_repricing_keeps_the_currency() -> None:
    given(product_added(currency="GBP")).when(change_product(unit_price=2700)).then(
        product_repriced(unit_price=2700, currency="GBP")
    )


def test_discontinuing() -> None:
    given(product_added()).when(change_product(discontinued=True)).then(product_discontinued())


def test_reinstating() -> None:
    history = product_added(), product_discontinued()
    given(*history).when(change_product(discontinued=False)).then(product_reinstated())


def test_a_discontinued_product_can_still_be_changed() -> None:
    history = product_added(), product_discontinued()
    given(*history).when(change_product(unit_price=2700)).then(product_repriced())


def test_changing_all_gives_an_event_each() -> None:
    change = change_product(name="Brown teapot", unit_price=2700, discontinued=True)
    given(product_added()).when(change).then(product_renamed(), product_repriced(), product_discontinued())


def test_only_what_differs_gives_an_event() -> None:
    change = change_product(name="Teapot", unit_price=2700, discontinued=False)
    given(product_added()).when(change).then(product_repriced())


@pytest.mark.parametrize("same", [{}, {"name": "Teapot"}, {"unit_price": 2500}, {"discontinued": False}])
def test_nothing_that_differs_changes_nothing(same: dict[str, Any]) -> None:
    given(product_added()).when(change_product(**same)).quiet()


def test_discontinuing_twice_changes_nothing() -> None:
    history = product_added(), product_discontinued()
    given(*history).when(change_product(discontinued=True)).quiet()


def test_a_price_of_zero_is_a_change_and_not_left_out() -> None:
    given(product_added()).when(change_product(unit_price=0)).then(product_repriced(unit_price=0))


def test_changing_a_product_that_is_not_there() -> None:
    given().when(change_product(name="Teapot")).refused("unknown-product", RejectionKind.NOT_FOUND)


def test_each_event_changes_what_it_tells() -> None:
    gone = product(discontinued=True)
    assert evolve(None, product_added()) == product()
    assert evolve(product(), product_renamed()) == product(name="Brown teapot")
    assert evolve(product(), product_repriced()) == product(unit_price=2700)
    assert evolve(product(), product_discontinued()) == gone
    assert evolve(gone, product_reinstated()) == product()


@pytest.mark.parametrize(
    "first", [product_renamed(), product_repriced(), product_discontinued(), product_reinstated()]
)
def test_a_history_begins_with_its_addition(first: AnyEvent) -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        given(first).when(add_product())


def test_a_history_has_one_addition() -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        given(product_added(), product_added()).when(add_product())
