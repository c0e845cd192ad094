"""Arbitrary messages within the limits of the contract, for property tests."""

from datetime import UTC
from string import ascii_letters, digits
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bus.messages.customers import (
    ChangeCustomer,
    CustomerEmailChanged,
    CustomerRegistered,
    CustomerRenamed,
    RegisterCustomer,
)
from bus.messages.envelope import CommandEnvelope
from bus.messages.message import Event
from bus.messages.orders import (
    ChangeOrderStatus,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderPlaced,
    OrderShipped,
    PlaceOrder,
)
from bus.messages.principal import Principal, Role
from bus.messages.products import (
    AddProduct,
    ChangeProduct,
    ProductAdded,
    ProductDiscontinued,
    ProductReinstated,
    ProductRenamed,
    ProductRepriced,
)
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

EVENTS: dict[type[Event], SearchStrategy[Any]] = {
    CustomerRegistered: st.builds(CustomerRegistered, customer_id=ids, name=names, email=emails),
    CustomerRenamed: st.builds(CustomerRenamed, customer_id=ids, old_name=names, name=names),
    CustomerEmailChanged: st.builds(CustomerEmailChanged, customer_id=ids, email=emails),
    ProductAdded: st.builds(ProductAdded, product_id=ids, name=names, unit_price=prices, currency=currencies),
    ProductRenamed: st.builds(ProductRenamed, product_id=ids, name=names),
    ProductRepriced: st.builds(ProductRepriced, product_id=ids, unit_price=prices, currency=currencies),
    ProductDiscontinued: st.builds(ProductDiscontinued, product_id=ids),
    ProductReinstated: st.builds(ProductReinstated, product_id=ids),
    OrderPlaced: st.builds(
        OrderPlaced,
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
    OrderConfirmed: st.builds(OrderConfirmed, **_changed),
    OrderShipped: st.builds(OrderShipped, **_changed),
    OrderDelivered: st.builds(OrderDelivered, **_changed),
    OrderCancelled: st.builds(OrderCancelled, **_changed),
}

COMMANDS: dict[type[Any], SearchStrategy[Any]] = {
    RegisterCustomer: st.builds(RegisterCustomer, customer_id=ids, name=names, email=emails),
    ChangeCustomer: st.builds(
        ChangeCustomer, customer_id=ids, name=st.none() | names, email=st.none() | emails
    ),
    AddProduct: st.builds(AddProduct, product_id=ids, name=names, unit_price=prices, currency=currencies),
    ChangeProduct: st.builds(
        ChangeProduct,
        product_id=ids,
        name=st.none() | names,
        unit_price=st.none() | prices,
        discontinued=st.none() | st.booleans(),
    ),
    PlaceOrder: st.builds(
        PlaceOrder,
        order_id=ids,
        customer_id=ids,
        items=items,
        shipping_address=addresses,
        reference=references,
        occurred_at=st.none() | moments,
    ),
    ChangeOrderStatus: st.builds(
        ChangeOrderStatus, order_id=ids, status=statuses, note=notes, occurred_at=st.none() | moments
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
