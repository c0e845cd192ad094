"""Customers: registering and changing them."""

import pytest

from bus.messages.registry import AnyEvent
from bus.messages.rejection import RejectionKind
from tests.support.messages import (
    change_customer,
    customer,
    customer_email_changed,
    customer_registered,
    customer_renamed,
    register_customer,
)
from tests.unit.scenario import given
from write_side.domain.customers import evolve


def test_registering_makes_a_customer_known() -> None:
    given().when(register_customer()).then(customer_registered())


def test_an_id_is_taken_once() -> None:
    again = register_customer(name="Somebody Else")
    given(customer_registered()).when(again).refused("id-taken", RejectionKind.CONFLICT)


def test_registering_again_is_refused_even_with_the_same_words() -> None:
    given(customer_registered()).when(register_customer()).refused("id-taken", RejectionKind.CONFLICT)


def test_renaming_tells_the_old_name_too() -> None:
    given(customer_registered()).when(change_customer(name="Ann Baker")).then(
        customer_renamed(old_name="Ann Archer", name="Ann Baker")
    )


def test_the_old_name_is_the_latest() -> None:
    given(customer_registered(), customer_renamed()).when(change_customer(name="Ann Carter")).then(
        customer_renamed(old_name="Ann Baker", name="Ann Carter")
    )


def test_changing_the_email_address() -> None:
    change = change_customer(email="baker@example.com")
    given(customer_registered()).when(change).then(customer_email_changed())


def test_changing_both_gives_both_events() -> None:
    change = change_customer(name="Ann Baker", email="baker@example.com")
    given(customer_registered()).when(change).then(customer_renamed(), customer_email_changed())


def test_only_what_differs_gives_an_event() -> None:
    change = change_customer(name="Ann Archer", email="baker@example.com")
    given(customer_registered()).when(change).then(customer_email_changed())


@pytest.mark.parametrize("same", [{}, {"name": "Ann Archer"}, {"email": "ann@example.com"}])
def test_nothing_that_differs_changes_nothing(same: dict[str, str]) -> None:
    given(customer_registered()).when(change_customer(**same)).quiet()


def test_changing_a_customer_that_is_not_there() -> None:
    given().when(change_customer(name="Ann")).refused("unknown-customer", RejectionKind.NOT_FOUND)


def test_each_event_changes_what_it_tells() -> None:
    assert evolve(None, customer_registered()) == customer()
    assert evolve(customer(), customer_renamed()) == customer(name="Ann Baker")
    assert evolve(customer(), customer_email_changed()) == customer(email="baker@example.com")


@pytest.mark.parametrize("first", [customer_renamed(), customer_email_changed()])
def test_a_history_begins_with_its_registration(first: AnyEvent) -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        given(first).when(register_customer())


def test_a_history_has_one_registration() -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        given(customer_registered(), customer_registered()).when(register_customer())
