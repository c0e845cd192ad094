"""Example messages, in one place: each function gives a valid one and takes overrides by keyword.

They tell one story. Customer ``c1``, Ann Archer, orders two teapots and three tins of tea as ``o1``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bus.messages.customers import (
    ChangeCustomer,
    CustomerEmailChanged,
    CustomerRegistered,
    CustomerRenamed,
    RegisterCustomer,
)
from bus.messages.envelope import CommandEnvelope
from bus.messages.message import Message
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
from bus.messages.registry import AnyEvent
from bus.messages.values import Address, OrderStatus
from write_side.domain.customers import Customer
from write_side.domain.facts import Facts
from write_side.domain.products import Product

M = TypeVar("M", bound=Message)

PLACED_AT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
NOW = datetime(2024, 5, 2, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)

STAFF = Principal(role=Role.STAFF, subject="sam")
ANN = Principal(role=Role.CUSTOMER, subject="c1")
BOB = Principal(role=Role.CUSTOMER, subject="c2")

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
TEAPOTS = {"product_id": "p1", "quantity": 2}
TINS = {"product_id": "p2", "quantity": 3}


def _make(kind: type[M], over: dict[str, Any], **defaults: Any) -> M:
    return kind.model_validate(defaults | over)


def register_customer(**over: Any) -> RegisterCustomer:
    return _make(RegisterCustomer, over, customer_id="c1", name="Ann Archer", email="ann@example.com")


def change_customer(**over: Any) -> ChangeCustomer:
    return _make(ChangeCustomer, over, customer_id="c1")


def add_product(**over: Any) -> AddProduct:
    return _make(AddProduct, over, product_id="p1", name="Teapot", unit_price=2500, currency="EUR")


def change_product(**over: Any) -> ChangeProduct:
    return _make(ChangeProduct, over, product_id="p1")


def place_order(**over: Any) -> PlaceOrder:
    return _make(
        PlaceOrder, over, order_id="o1", customer_id="c1", items=(TEAPOTS, TINS), shipping_address=ADDRESS
    )


def change_order_status(status: OrderStatus = OrderStatus.CONFIRMED, **over: Any) -> ChangeOrderStatus:
    return _make(ChangeOrderStatus, over, order_id="o1", status=status)


def customer_registered(**over: Any) -> CustomerRegistered:
    return _make(CustomerRegistered, over, customer_id="c1", name="Ann Archer", email="ann@example.com")


def customer_renamed(**over: Any) -> CustomerRenamed:
    return _make(CustomerRenamed, over, customer_id="c1", old_name="Ann Archer", name="Ann Baker")


def customer_email_changed(**over: Any) -> CustomerEmailChanged:
    return _make(CustomerEmailChanged, over, customer_id="c1", email="baker@example.com")


def product_added(**over: Any) -> ProductAdded:
    return _make(ProductAdded, over, product_id="p1", name="Teapot", unit_price=2500, currency="EUR")


def product_renamed(**over: Any) -> ProductRenamed:
    return _make(ProductRenamed, over, product_id="p1", name="Brown teapot")


def product_repriced(**over: Any) -> ProductRepriced:
    return _make(ProductRepriced, over, product_id="p1", unit_price=2700, currency="EUR")


def product_discontinued(**over: Any) -> ProductDiscontinued:
    return _make(ProductDiscontinued, over, product_id="p1")


def product_reinstated(**over: Any) -> ProductReinstated:
    return _make(ProductReinstated, over, product_id="p1")


def sold(item: dict[str, Any], product_name: str, list_price: int, **over: Any) -> dict[str, Any]:
    """The line of an item, at the list price and without a discount unless told others."""
    line = {"list_price": list_price, "unit_price": list_price, "discount": 0, **item, **over}
    total = line["quantity"] * line["unit_price"] - line["discount"]
    return {**line, "product_name": product_name, "line_total": total}


def order_placed(**over: Any) -> OrderPlaced:
    teapots = sold(TEAPOTS, "Teapot", 2500)
    tins = sold(TINS, "Tea", 450)
    return _make(
        OrderPlaced,
        over,
        order_id="o1",
        customer_id="c1",
        customer_name="Ann Archer",
        reference=None,
        placed_at=PLACED_AT,
        currency="EUR",
        lines=(teapots, tins),
        total=6350,
        units=5,
        shipping_address=Address(**ADDRESS),
    )


def _changed(kind: type[M], over: dict[str, Any], old_status: OrderStatus, new_status: OrderStatus) -> M:
    return _make(
        kind,
        over,
        order_id="o1",
        customer_id="c1",
        old_status=old_status,
        new_status=new_status,
        at=NOW,
        note=None,
        placed_at=PLACED_AT,
        currency="EUR",
        total=6350,
        units=5,
        lines=(TEAPOTS | {"amount": 5000}, TINS | {"amount": 1350}),
    )


def order_confirmed(**over: Any) -> OrderConfirmed:
    return _changed(OrderConfirmed, over, OrderStatus.PENDING, OrderStatus.CONFIRMED)


def order_shipped(**over: Any) -> OrderShipped:
    return _changed(OrderShipped, over, OrderStatus.CONFIRMED, OrderStatus.SHIPPED)


def order_delivered(**over: Any) -> OrderDelivered:
    return _changed(OrderDelivered, over, OrderStatus.SHIPPED, OrderStatus.DELIVERED)


def order_cancelled(**over: Any) -> OrderCancelled:
    return _changed(OrderCancelled, over, OrderStatus.PENDING, OrderStatus.CANCELLED)


def customer(**over: Any) -> Customer:
    return _make(Customer, over, customer_id="c1", name="Ann Archer", email="ann@example.com")


def product(**over: Any) -> Product:
    teapot = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
    return _make(Product, over, **teapot, discontinued=False)


def facts(**over: Any) -> Facts:
    """Ann, the teapot and the tea are known; a member of staff asks."""
    tea = product(product_id="p2", name="Tea", unit_price=450)
    known = {"at": NOW, "by": STAFF, "customer": customer(), "products": {"p1": product(), "p2": tea}}
    return Facts(**{**known, **over})


def envelope(**over: Any) -> CommandEnvelope:
    return _make(
        CommandEnvelope,
        over,
        command_id="k1",
        correlation_id="r1",
        accepted_at=NOW,
        by=STAFF,
        command=place_order(),
    )


EXAMPLES: list[AnyEvent] = [
    customer_registered(),
    customer_email_changed(),
    customer_renamed(),
    product_added(),
    product_repriced(),
    product_renamed(),
    product_discontinued(),
    product_reinstated(),
    order_placed(),
    order_confirmed(),
    order_shipped(),
    order_delivered(),
    order_placed(order_id="o2"),
    order_cancelled(order_id="o2"),
]
"""Every event there is, in an order in which they can happen."""
