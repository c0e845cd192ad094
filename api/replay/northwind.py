"""Northwind's history as the requests that would have made it, in the order of ``OrderID``.

Pure but for reading the files. What the decisions are:

- Prices move between orders. A product starts at the price at which it is first sold (at its list price if it
  never is), and is repriced before the first order that sells it at another. A later price must not reach
  an earlier order, so a price change is sent only when the earlier orders of that product are finished.
- ``Discontinued`` is as of the end of the data: such products were sold, so it is set after all orders.
- A shipped order was confirmed when it was ordered; the rest stay pending.
- ``ShipName`` repeats the customer's name with variations and has no place in an address; ``Discount`` has
  none in this domain. Both are left out. E-mail addresses are made up.

Every idempotency key is made of the data, so sending all of it again changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from api.replay import tables
from api.replay.errors import BadInputError
from api.replay.request import Request
from api.replay.tables import CustomerRow, LineRow, OrderRow, ProductRow
from bus.messages.values import MAX_ITEMS

CURRENCY = "USD"

CUSTOMERS, PRODUCTS, PRICE_CHANGES = "customers", "products", "price changes"
ORDERS, STATUS_CHANGES, DISCONTINUATIONS = "orders", "status changes", "discontinuations"


@dataclass(frozen=True, slots=True)
class Northwind:
    """The data, checked: orders ascend by number, and every order has its lines."""

    customers: Sequence[CustomerRow]
    products: Sequence[ProductRow]
    orders: Sequence[OrderRow]
    lines: Mapping[int, Sequence[LineRow]]


def read(folder: Path) -> Northwind:
    """Read and check the four files.

    Raises:
        BadInputError: naming the file and, where there is one, the line.

    """
    customers = tables.read(folder / "customers.csv", CustomerRow, address="Address")
    products = tables.read(folder / "products.csv", ProductRow)
    orders = tables.read(folder / "orders.csv", OrderRow, address="ShipAddress")
    lines = tables.read(folder / "order-details.csv", LineRow)

    customer_ids = _distinct([(c.customer_id, c) for c in customers], "customer")
    product_ids = _distinct([(p.product_id, p) for p in products], "product")
    numbers = _distinct([(str(o.number), o) for o in orders], "order")
    _distinct([(f"{line.number} of product {line.product_id}", line) for line in lines], "line of order")

    of_order: dict[int, list[LineRow]] = defaultdict(list)
    for line in lines:
        _known(str(line.number), numbers, "order", line)
        _known(line.product_id, product_ids, "product", line)
        of_order[line.number].append(line)
    for order in orders:
        _known(order.customer_id, customer_ids, "customer", order)
        if not 1 <= len(of_order[order.number]) <= MAX_ITEMS:
            raise BadInputError(
                f"{order.where}: order {order.number} has {len(of_order[order.number])} lines"
            )
        if order.shipped_at is not None and order.shipped_at < order.ordered_at:
            raise BadInputError(f"{order.where}: order {order.number} was shipped before it was ordered")
    return Northwind(customers, products, sorted(orders, key=lambda order: order.number), of_order)


def _distinct(
    found: Sequence[tuple[str, CustomerRow | ProductRow | OrderRow | LineRow]], what: str
) -> set[str]:
    ids: set[str] = set()
    for identity, row in found:
        if identity in ids:
            raise BadInputError(f"{row.where}: {what} {identity} is there twice")
        ids.add(identity)
    return ids


def _known(identity: str, ids: set[str], what: str, row: OrderRow | LineRow) -> None:
    if identity not in ids:
        raise BadInputError(f"{row.where}: there is no {what} {identity}")


def requests(data: Northwind) -> Iterator[Request]:
    """Everything to send, in order."""
    prices = _first_prices(data)
    for customer in data.customers:
        yield _customer(customer)
    for product in data.products:
        yield _product(product, prices[product.product_id])
    for order in data.orders:
        for line in data.lines[order.number]:
            if prices[line.product_id] != line.unit_price:
                yield _price_change(line)
                prices[line.product_id] = line.unit_price
        yield from _order(order, data.lines[order.number])
    for product in data.products:
        if product.discontinued:
            yield _discontinuation(product)


def _first_prices(data: Northwind) -> dict[str, int]:
    prices = {product.product_id: product.list_price for product in data.products}
    for order in reversed(data.orders):
        prices |= {line.product_id: line.unit_price for line in data.lines[order.number]}
    return prices


def _customer(row: CustomerRow) -> Request:
    email = f"{row.customer_id.lower()}@northwind.example"
    body = {"customer_id": row.customer_id, "name": row.name, "email": email}
    return Request(CUSTOMERS, "POST", "/customers", body, f"northwind-customer-{row.customer_id}")


def _product(row: ProductRow, unit_price: int) -> Request:
    body = {
        "product_id": row.product_id,
        "name": row.name,
        "unit_price": unit_price,
        "currency": CURRENCY,
    }
    return Request(PRODUCTS, "POST", "/products", body, f"northwind-product-{row.product_id}")


def _price_change(line: LineRow) -> Request:
    return Request(
        PRICE_CHANGES,
        "PATCH",
        f"/products/{line.product_id}",
        {"unit_price": line.unit_price},
        f"northwind-price-{line.product_id}-{line.number}",
    )


def _discontinuation(row: ProductRow) -> Request:
    key = f"northwind-discontinued-{row.product_id}"
    path = f"/products/{row.product_id}"
    return Request(DISCONTINUATIONS, "PATCH", path, {"discontinued": True}, key)


def _order_key(number: int) -> str:
    return f"northwind-order-{number}"


def _order(order: OrderRow, lines: Sequence[LineRow]) -> Iterator[Request]:
    address = {
        "line1": order.street,
        "city": order.city,
        "region": order.region,
        "postal_code": order.postal_code,
        "country": order.country,
    }
    body = {
        "customer_id": order.customer_id,
        "items": [{"product_id": line.product_id, "quantity": line.quantity} for line in lines],
        "shipping_address": {field: value for field, value in address.items() if value is not None},
        "reference": str(order.number),
        "occurred_at": _rfc_3339(order.ordered_at),
    }
    yield Request(ORDERS, "POST", "/orders", body, _order_key(order.number))
    if order.shipped_at is not None:
        yield _status(order, "confirmed", order.ordered_at)
        yield _status(order, "shipped", order.shipped_at)


def _status(order: OrderRow, status: str, at: datetime) -> Request:
    placed = _order_key(order.number)
    body = {"status": status, "occurred_at": _rfc_3339(at)}
    path = "/orders/{order_id}/status"
    return Request(STATUS_CHANGES, "PATCH", path, body, f"{placed}-{status}", order=placed)


def _rfc_3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
