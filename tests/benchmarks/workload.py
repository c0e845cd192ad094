"""The shop of the benchmark: the same customers, products and orders for every contestant, as plain values.

Orders have one to three lines, two on average. Everything is drawn with a seed.
"""

import random
from collections.abc import Sequence
from typing import Any

from bus.messages.customers import RegisterCustomer
from bus.messages.products import AddProduct
from bus.messages.streams import customer_stream, partition_of

CUSTOMERS = tuple(f"c{number}" for number in range(200))
PRODUCTS = tuple(f"p{number}" for number in range(100))
CURRENCY = "EUR"
MAX_LINES = 3
ADDRESS = {"line1": "1 Long Row", "city": "York", "postal_code": "YO1 7HU", "country": "GB"}


def customer_name(customer_id: str) -> str:
    return f"Customer {customer_id}"


def product_name(product_id: str) -> str:
    return f"Product {product_id}"


def unit_price(product_id: str) -> int:
    return 100 + 7 * PRODUCTS.index(product_id)


def founding() -> list[RegisterCustomer | AddProduct]:
    """The commands that make the shop."""
    return [
        *(
            RegisterCustomer(customer_id=each, name=customer_name(each), email=f"{each}@shop.example")
            for each in CUSTOMERS
        ),
        *(
            AddProduct(
                product_id=each, name=product_name(each), unit_price=unit_price(each), currency=CURRENCY
            )
            for each in PRODUCTS
        ),
    ]


class Orders:
    """Orders without end, the same ones for the same seed, of all customers or of some."""

    def __init__(self, seed: int = 1, customers: Sequence[str] = CUSTOMERS) -> None:
        self._random = random.Random(seed)
        self._customers = customers

    def draw(self) -> dict[str, Any]:
        """An order as it is sent to ``POST /orders``."""
        lines = self._random.randint(1, MAX_LINES)
        return {
            "customer_id": self._random.choice(self._customers),
            "items": [
                {"product_id": product_id, "quantity": self._random.randint(1, 5)}
                for product_id in self._random.sample(PRODUCTS, lines)
            ],
            "shipping_address": ADDRESS,
        }

    def several(self, count: int) -> list[dict[str, Any]]:
        return [self.draw() for _ in range(count)]


def neighbours(stream: str, customer_ids: Sequence[str], partitions: int) -> tuple[str, ...]:
    """Those of some customers who are in the partition of a stream, and are not that stream."""
    partition = partition_of(stream, partitions)
    streams = {customer_id: customer_stream(customer_id) for customer_id in customer_ids}
    return tuple(
        customer_id
        for customer_id, other in streams.items()
        if partition_of(other, partitions) == partition and other != stream
    )
