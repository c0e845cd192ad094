"""What four files in Northwind's shape say, worked out by code of its own, apart from the replay's.

It reads cells by their place: from the left up to the address, whose commas are not quoted, and from the
right after it.
"""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Order:
    """One order; amounts in cents, moments as the API writes them."""

    number: str
    customer: str
    at: str
    shipped_at: str | None
    street: str
    region: str | None
    country: str
    lines: dict[str, tuple[int, int]]
    """Unit price and quantity by product."""

    @property
    def total(self) -> int:
        return sum(price * quantity for price, quantity in self.lines.values())

    @property
    def units(self) -> int:
        return sum(quantity for _, quantity in self.lines.values())


def cents(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))


def moment(text: str) -> str | None:
    return None if text == "NULL" else f"{text.replace(' ', 'T')}Z"


class Figures:
    """Of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, name: str) -> list[list[str]]:
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))[1:]

    def orders(self) -> list[Order]:
        """In the order of their numbers."""
        lines: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for number, product, price, quantity, _ in self.rows("order-details.csv"):
            lines[number][product] = (cents(price), int(quantity))
        return [
            Order(
                number=cells[0],
                customer=cells[1],
                at=moment(cells[3]) or "",
                shipped_at=moment(cells[5]),
                street=",".join(cells[9:-4]),
                region=None if cells[-3] == "NULL" else cells[-3],
                country=cells[-1],
                lines=lines[cells[0]],
            )
            for cells in sorted(self.rows("orders.csv"), key=lambda cells: int(cells[0]))
        ]

    def company_names(self) -> dict[str, str]:
        """By customer id."""
        return {cells[0]: cells[1] for cells in self.rows("customers.csv")}

    def per_month(self) -> dict[str, tuple[int, int, int]]:
        """Orders, units and gross of each month."""
        months: dict[str, tuple[int, int, int]] = {}
        for order in self.orders():
            count, units, gross = months.get(order.at[:7], (0, 0, 0))
            months[order.at[:7]] = (count + 1, units + order.units, gross + order.total)
        return months

    def per_product(self) -> dict[str, tuple[int, int]]:
        """Units and gross of each product sold."""
        units: Counter[str] = Counter()
        gross: Counter[str] = Counter()
        for order in self.orders():
            for product, (price, quantity) in order.lines.items():
                units[product] += quantity
                gross[product] += price * quantity
        return {product: (units[product], gross[product]) for product in units}

    def per_customer(self) -> dict[str, tuple[int, dict[str, int]]]:
        """Orders and spending of every customer, those who never ordered included."""
        found: dict[str, tuple[int, dict[str, int]]] = {name: (0, {}) for name in self.company_names()}
        for order in self.orders():
            count, spent = found[order.customer]
            found[order.customer] = (count + 1, {"USD": spent.get("USD", 0) + order.total})
        return found

    def last_prices(self) -> dict[str, int]:
        """What each product was sold at last; its list price if it never was."""
        prices = {cells[0]: cents(cells[5]) for cells in self.rows("products.csv")}
        for order in self.orders():
            prices |= {product: price for product, (price, _) in order.lines.items()}
        return prices

    def discontinued(self) -> set[str]:
        return {cells[0] for cells in self.rows("products.csv") if cells[9] == "1"}
