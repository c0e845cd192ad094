"""Arbitrary messages within the limits of the contract, for property tests."""

from datetime import UTC
from string import ascii_letters, digits
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bus.messages.envelope import CommandEnvelope
from bus.messages.message import Message
from bus.messages.orders import Items
from bus.messages.principal import Principal, Role
from bus.messages.registry import AnyCommand, AnyEvent
from bus.messages.values import (
    Address,
    Currency,
    Discount,
    Email,
    Flag,
    Id,
    Item,
    Moment,
    Name,
    Note,
    OrderStatus,
    Quantity,
    Reference,
    UnitPrice,
    to_milliseconds,
)


def _text(most: int, least: int = 1) -> SearchStrategy[str]:
    return st.text(
        st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"),
        min_size=least,
        max_size=most,
    )


ids = st.text(ascii_letters + digits + "._:-|@+", min_size=1, max_size=128).filter(
    lambda text: text not in {".", ".."}
)
names = _text(200)
emails = st.from_regex(r"[a-z.+]{1,64}@[a-z0-9-]{1,60}(\.[a-z0-9-]{1,20}){1,3}", fullmatch=True)
currencies = st.sampled_from(["EUR", "USD", "JPY"])
prices = st.integers(0, 10**9)
quantities = st.integers(1, 1_000_000)
amounts = st.integers(0, 10**13)
moments = st.datetimes(timezones=st.just(UTC)).map(to_milliseconds)
statuses = st.sampled_from(OrderStatus)
notes = st.none() | _text(500, least=0)
references = st.none() | _text(64)
addresses = st.builds(
    Address,
    line1=names,
    line2=st.none() | names,
    city=names,
    region=st.none() | names,
    postal_code=st.none() | names,
    country=names,
)
principals = st.builds(
    Principal, role=st.sampled_from(Role), subject=ids, issuer=st.none() | st.just("https://login.example")
)


def _tuples(of: SearchStrategy[Any]) -> SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, min_size=1, max_size=4).map(tuple)


discounts = st.integers(0, 10**15)
items = _tuples(
    st.builds(
        Item,
        product_id=ids,
        quantity=quantities,
        unit_price=st.none() | prices,
        discount=st.none() | discounts,
    )
)

BY_TYPE: dict[Any, SearchStrategy[Any]] = {
    Id: ids,
    Name: names,
    Email: emails,
    Currency: currencies,
    UnitPrice: prices,
    Quantity: quantities,
    Discount: discounts,
    Flag: st.booleans(),
    Moment: moments,
    Note: _text(500, least=0),
    Reference: _text(64),
    OrderStatus: statuses,
    Address: addresses,
    Items: items,
    int: amounts,
}
"""A new message made of these needs no strategy of its own."""


def _of_type(wanted: Any) -> SearchStrategy[Any]:
    if wanted in BY_TYPE:
        return BY_TYPE[wanted]
    if get_origin(wanted) is tuple:
        return _tuples(_of_message(get_args(wanted)[0]))
    either = [kind for kind in get_args(wanted) if kind is not NoneType]
    assert len(either) < len(get_args(wanted)), f"{wanted} is not in BY_TYPE"
    return st.none() | st.one_of([_of_type(kind) for kind in either])


def _of_message(kind: type[Message]) -> SearchStrategy[Any]:
    """Every field that has no fixed value, by its type."""
    hints = get_type_hints(kind, include_extras=True)
    given = {name: _of_type(hints[name]) for name in kind.model_fields if name != "type"}
    return st.builds(kind, **given)


def _of_each(language: Any) -> dict[type[Any], SearchStrategy[Any]]:
    """Of every class of ``AnyCommand`` or ``AnyEvent``, which are annotated unions."""
    return {kind: _of_message(kind) for kind in get_args(get_args(language)[0])}


EVENTS = _of_each(AnyEvent)
COMMANDS = _of_each(AnyCommand)


def envelopes(command: SearchStrategy[Any]) -> SearchStrategy[CommandEnvelope]:
    return st.builds(
        CommandEnvelope,
        command_id=ids,
        correlation_id=ids,
        causation_id=st.none() | ids,
        accepted_at=moments,
        by=principals,
        expected_versions=st.none() | st.lists(st.integers(1, 10**6), max_size=3).map(tuple),
        command=command,
    )
