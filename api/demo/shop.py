"""The shop's fortnight as requests: made up at random, but the same for the same arguments.

It is pure. Its arguments are the run's name, with which all its ids begin, and the time at which it
ends. So a run can be sent again safely, and another run adds another shop beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from api.client.delivery import Request

CUSTOMERS, PRODUCTS, ORDERS, STATUS_CHANGES = "customers", "products", "orders", "status changes"
KINDS = (CUSTOMERS, PRODUCTS, ORDERS, STATUS_CHANGES)

CURRENCY = "EUR"
LENGTH = timedelta(days=14)
CANCELLED = 0.07
"""The share of orders that are cancelled instead of shipped."""

PEOPLE = (
    ("Ada Lovelace", "12 St James's Square", "London", "SW1Y 4JH", "United Kingdom"),
    ("Émilie du Châtelet", "2 quai d'Anjou", "Paris", "75004", "France"),
    ("Sofia Kovalevskaya", "Sturegatan 56", "Stockholm", "114 36", "Sweden"),
    ("Maria Sibylla Merian", "Kerkstraat 7", "Amsterdam", "1017 GA", "Netherlands"),
    ("Lise Meitner", "Kaiserstraße 27", "Wien", "1070", "Austria"),
    ("Laura Bassi", "Via Barberia 19", "Bologna", "40123", "Italy"),
    ("Inge Lehmann", "Kastelsvej 17", "København", "2100", "Denmark"),
    ("Caroline Herschel", "Marktstraße 8", "Hannover", "30159", "Germany"),
)
GOODS = (
    ("Assam, 250 g", 890),
    ("Darjeeling first flush, 100 g", 1690),
    ("Earl Grey, 250 g", 990),
    ("Sencha, 100 g", 1240),
    ("Gyokuro, 50 g", 2450),
    ("Rooibos, 250 g", 640),
    ("Teapot, cast iron", 7900),
    ("Teapot, porcelain", 4500),
    ("Cups, set of four", 3200),
    ("Tea strainer", 750),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """One run of the demo."""

    run: str
    ends_at: datetime
    orders: int

    def customer_id(self, number: int) -> str:
        return f"{self.run}-c{number + 1}"

    def product_id(self, number: int) -> str:
        return f"{self.run}-p{number + 1:02}"

    def order_key(self, number: int) -> str:
        return f"{self.run}-o{number + 1}"

    def stages(self, random: Random) -> tuple[list[Request], list[Request]]:
        """Return everything to send: customers and products, then orders."""
        orders = [request for number in range(self.orders) for request in self._order(number, random)]
        return list(self._catalogue()), orders

    def _catalogue(self) -> Iterator[Request]:
        for number, (name, *_) in enumerate(PEOPLE):
            customer_id = self.customer_id(number)
            customer = {"customer_id": customer_id, "name": name, "email": f"{customer_id}@shop.example"}
            yield Request(CUSTOMERS, "POST", "/customers", customer, customer_id)
        for number, (name, unit_price) in enumerate(GOODS):
            product_id = self.product_id(number)
            product = {"product_id": product_id, "name": name, "unit_price": unit_price, "currency": CURRENCY}
            yield Request(PRODUCTS, "POST", "/products", product, product_id)

    def _order(self, number: int, random: Random) -> Iterator[Request]:
        """Yield an order, placed at its time of the fortnight, and its status changes so far."""
        placed_at = self.ends_at - LENGTH * (1 - number / self.orders)
        buyer = random.randrange(len(PEOPLE))
        _, street, city, postal_code, country = PEOPLE[buyer]
        chosen = random.sample(range(len(GOODS)), k=random.randint(1, 4))
        address = {"line1": street, "city": city, "postal_code": postal_code, "country": country}
        body = {
            "customer_id": self.customer_id(buyer),
            "items": [
                {"product_id": self.product_id(each), "quantity": random.randint(1, 5)} for each in chosen
            ],
            "shipping_address": address,
            "occurred_at": placed_at.isoformat(),
        }
        placed = self.order_key(number)
        yield Request(ORDERS, "POST", "/orders", body, placed)
        before = placed
        for status, at in _life(placed_at, random):
            if at < self.ends_at:
                change = {"status": status, "occurred_at": at.isoformat()}
                key = f"{placed}-{status}"
                path = "/orders/{order_id}/status"
                yield Request(STATUS_CHANGES, "PATCH", path, change, key, order=placed, after=before)
                before = key


def _life(placed_at: datetime, random: Random) -> Iterator[tuple[str, datetime]]:
    confirmed_at = placed_at + timedelta(hours=random.uniform(0.5, 12))
    yield "confirmed", confirmed_at
    if random.random() < CANCELLED:
        yield "cancelled", confirmed_at + timedelta(hours=random.uniform(1, 24))
        return
    shipped_at = confirmed_at + timedelta(hours=random.uniform(12, 72))
    yield "shipped", shipped_at
    yield "delivered", shipped_at + timedelta(hours=random.uniform(24, 96))
