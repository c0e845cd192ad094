"""What a client knows without asking: its customers, products and orders as its own commands left them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

OPEN = ("pending", "confirmed", "shipped")
STATUSES = (*OPEN, "delivered", "cancelled")


@dataclass(slots=True)
class Customer:
    customer_id: str
    name: str
    email: str
    version: int = 1

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


@dataclass(slots=True)
class Product:
    """``unit_price`` is in minor units."""

    product_id: str
    name: str
    unit_price: int
    currency: str
    discontinued: bool = False
    version: int = 1

    @property
    def stream(self) -> str:
        return f"product-{self.product_id}"


@dataclass(slots=True)
class Order:
    """``lines`` are product ids with quantities and amounts; ``history`` are its statuses, oldest first.

    ``discounts`` are what was taken off lines, by product.
    """

    order_id: str
    customer: Customer
    currency: str
    lines: tuple[tuple[str, int, int], ...]
    history: list[str] = field(default_factory=lambda: ["pending"])
    discounts: Mapping[str, int] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        return f"order-{self.order_id}"

    @property
    def status(self) -> str:
        return self.history[-1]

    @property
    def version(self) -> int:
        return len(self.history)

    @property
    def total(self) -> int:
        return sum(amount for _, _, amount in self.lines)

    @property
    def units(self) -> int:
        return sum(quantity for _, quantity, _ in self.lines)

    @property
    def cancelled(self) -> bool:
        return self.status == "cancelled"


@dataclass(slots=True)
class Books:
    """Of one client, or of all when added up. The figures are in the shapes in which the API shows them."""

    customers: dict[str, Customer] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    @classmethod
    def together(cls, several: Iterable["Books"]) -> "Books":
        """All in one; no two of them have anything in common."""
        whole = cls()
        for one in several:
            whole.customers.update(one.customers)
            whole.products.update(one.products)
            whole.orders.update(one.orders)
        return whole

    def order_totals(self) -> dict[str, dict[str, Any]]:
        """By currency, as in ``/analytics/orders``."""
        totals: dict[str, dict[str, Any]] = {}
        for order in self.orders.values():
            counts = totals.setdefault(
                order.currency,
                {
                    "currency": order.currency,
                    **dict.fromkeys(
                        ("orders", "units", "gross", "discounts", "cancelled_orders", "cancelled_gross"), 0
                    ),
                    "by_status": dict.fromkeys(STATUSES, 0),
                },
            )
            counts["orders"] += 1
            counts["units"] += order.units
            counts["gross"] += order.total
            counts["discounts"] += sum(order.discounts.values())
            counts["cancelled_orders"] += order.cancelled
            counts["cancelled_gross"] += order.total if order.cancelled else 0
            counts["by_status"][order.status] += 1
        return totals

    def product_sales(self) -> dict[str, dict[str, Any]]:
        """By product, as in ``/analytics/products``."""
        sales: dict[str, dict[str, Any]] = {}
        for order in self.orders.values():
            for product_id, quantity, amount in order.lines:
                sold = sales.setdefault(
                    product_id,
                    {
                        "product_id": product_id,
                        "product_name": self.products[product_id].name,
                        "currency": order.currency,
                        **dict.fromkeys(
                            ("units", "gross", "discounts", "cancelled_units", "cancelled_gross"), 0
                        ),
                    },
                )
                sold["units"] += quantity
                sold["gross"] += amount
                sold["discounts"] += order.discounts.get(product_id, 0)
                sold["cancelled_units"] += quantity if order.cancelled else 0
                sold["cancelled_gross"] += amount if order.cancelled else 0
        return sales

    def customer_list(self) -> dict[str, dict[str, Any]]:
        """As in ``/customers``."""
        placed = Counter(order.customer.customer_id for order in self.orders.values())
        spent: dict[str, dict[str, int]] = {customer_id: {} for customer_id in self.customers}
        for order in self.orders.values():
            amounts = spent[order.customer.customer_id]
            amounts.setdefault(order.currency, 0)
            amounts[order.currency] += 0 if order.cancelled else order.total
        return {
            one.customer_id: {
                "customer_id": one.customer_id,
                "name": one.name,
                "email": one.email,
                "orders": placed[one.customer_id],
                "spent": spent[one.customer_id],
                "version": one.version,
            }
            for one in self.customers.values()
        }

    def product_list(self) -> dict[str, dict[str, Any]]:
        """As in ``/products``."""
        return {
            one.product_id: {
                "product_id": one.product_id,
                "name": one.name,
                "unit_price": one.unit_price,
                "currency": one.currency,
                "discontinued": one.discontinued,
                "version": one.version,
            }
            for one in self.products.values()
        }

    def order_list(self) -> dict[str, dict[str, Any]]:
        """As in ``/orders``, without the times."""
        return {
            order.order_id: {
                "order_id": order.order_id,
                "status": order.status,
                "customer_id": order.customer.customer_id,
                "customer_name": order.customer.name,
                "total": order.total,
                "currency": order.currency,
                "item_count": len(order.lines),
                "version": order.version,
            }
            for order in self.orders.values()
        }
