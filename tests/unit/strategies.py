"""Arbitrary messages within the limits of the contract, for property tests."""

from datetime import UTC
from string import ascii_letters, digits
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bus.messages import commands as c
from bus.messages import events as e
from bus.messages.envelope import CommandEnvelope
from bus.messages.principal import Principal, Role
from bus.messages.values import Address, Item, Line, LineAmount, OrderStatus, to_milliseconds

untimed = settings(deadline=None)
"""No test asserts a time."""


def _text(most: int, least: int = 1) -> SearchStrategy[str]:
    return st.text(
        st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"),
        min_size=least,
        max_size=most,
    )


ids = st.text(ascii_letters + digits + "._:-", min_size=1, max_size=64)
names = _text(200)
emails = st.from_regex(r"[a-z.+]{1,64}@[a-z0-9-]{1,60}(\.[a-z0-9-]{1,20}){1,3}", fullmatch=True)
currencies = st.sampled_from(["EUR", "USD", "JPY"])
prices = st.integers(0, 10**9)
quantities = st.integers(1, 10_000)
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
    """A few, no product twice."""
    return st.lists(of, min_size=1, max_size=4, unique_by=lambda line: line.product_id).map(tuple)


items = _tuples(st.builds(Item, product_id=ids, quantity=quantities))
_lines = _tuples(
    st.builds(
        Line, product_id=ids, product_name=names, quantity=quantities, unit_price=prices, line_total=amounts
    )
)
_changed: dict[str, SearchStrategy[Any]] = {
    "order_id": ids,
    "customer_id": ids,
    "old_status": statuses,
    "new_status": statuses,
    "at": moments,
    "note": notes,
    "placed_at": moments,
    "currency": currencies,
    "total": amounts,
    "units": amounts,
    "lines": _tuples(st.builds(LineAmount, product_id=ids, quantity=quantities, amount=amounts)),
}

EVENTS: dict[type[e.Event], SearchStrategy[Any]] = {
    e.CustomerRegistered: st.builds(e.CustomerRegistered, customer_id=ids, name=names, email=emails),
    e.CustomerRenamed: st.builds(e.CustomerRenamed, customer_id=ids, old_name=names, name=names),
    e.CustomerEmailChanged: st.builds(e.CustomerEmailChanged, customer_id=ids, email=emails),
    e.ProductAdded: st.builds(
        e.ProductAdded, product_id=ids, name=names, unit_price=prices, currency=currencies
    ),
    e.ProductRenamed: st.builds(e.ProductRenamed, product_id=ids, name=names),
    e.ProductRepriced: st.builds(e.ProductRepriced, product_id=ids, unit_price=prices, currency=currencies),
    e.ProductDiscontinued: st.builds(e.ProductDiscontinued, product_id=ids),
    e.ProductReinstated: st.builds(e.ProductReinstated, product_id=ids),
    e.OrderPlaced: st.builds(
        e.OrderPlaced,
        order_id=ids,
        customer_id=ids,
        customer_name=names,
        reference=references,
        placed_at=moments,
        currency=currencies,
        lines=_lines,
        total=amounts,
        units=amounts,
        shipping_address=addresses,
    ),
    e.OrderConfirmed: st.builds(e.OrderConfirmed, **_changed),
    e.OrderShipped: st.builds(e.OrderShipped, **_changed),
    e.OrderDelivered: st.builds(e.OrderDelivered, **_changed),
    e.OrderCancelled: st.builds(e.OrderCancelled, **_changed),
}

COMMANDS: dict[type[Any], SearchStrategy[Any]] = {
    c.RegisterCustomer: st.builds(c.RegisterCustomer, customer_id=ids, name=names, email=emails),
    c.ChangeCustomer: st.builds(
        c.ChangeCustomer, customer_id=ids, name=st.none() | names, email=st.none() | emails
    ),
    c.AddProduct: st.builds(c.AddProduct, product_id=ids, name=names, unit_price=prices, currency=currencies),
    c.ChangeProduct: st.builds(
        c.ChangeProduct,
        product_id=ids,
        name=st.none() | names,
        unit_price=st.none() | prices,
        discontinued=st.none() | st.booleans(),
    ),
    c.PlaceOrder: st.builds(
        c.PlaceOrder,
        order_id=ids,
        customer_id=ids,
        items=items,
        shipping_address=addresses,
        reference=references,
        occurred_at=st.none() | moments,
    ),
    c.ChangeOrderStatus: st.builds(
        c.ChangeOrderStatus, order_id=ids, status=statuses, note=notes, occurred_at=st.none() | moments
    ),
}


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
