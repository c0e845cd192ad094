"""What Northwind's files say, worked out by code of its own, apart from the replay's.

It reads cells by their place: from the left up to the address, whose commas are not quoted, and from the
right after it.
"""

import csv
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """``NORTHWIND_DIR``, else beside the project; fails when the files are not there."""
    found = Path(os.environ.get("NORTHWIND_DIR") or ROOT.parent / "shared" / "data" / "northwind")
    assert (found / "orders.csv").is_file(), f"{found} has no Northwind: set NORTHWIND_DIR"
    return found


@dataclass(frozen=True, slots=True)
class Order:
    """One order; amounts in cents."""

    number: str
    customer: str
    day: str
    shipped_day: str | None
    country: str
    lines: dict[str, tuple[int, int]]
    """Unit price and quantity by product."""

    @property
    def total(self) -> int:
        return sum(price * quantity for price, quantity in self.lines.values())

    @property
    def units(self) -> int:
        return sum(quantity for _, quantity in self.lines.values())


def rows(name: str) -> list[list[str]]:
    with (folder() / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def cents(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))


def orders() -> list[Order]:
    """In the order of their numbers."""
    lines: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for number, product, price, quantity, _ in rows("order-details.csv"):
        lines[number][product] = (cents(price), int(quantity))
    return [
        Order(
            number=cells[0],
            customer=cells[1],
            day=cells[3][:10],
            shipped_day=None if cells[5] == "NULL" else cells[5][:10],
            country=cells[-1],
            lines=lines[cells[0]],
        )
        for cells in sorted(rows("orders.csv"), key=lambda cells: int(cells[0]))
    ]


def company_names() -> dict[str, str]:
    """By customer id."""
    return {cells[0]: cells[1] for cells in rows("customers.csv")}


def per_month() -> dict[str, tuple[int, int, int]]:
    """Orders, units and gross of each month."""
    months: dict[str, tuple[int, int, int]] = {}
    for order in orders():
        count, units, gross = months.get(order.day[:7], (0, 0, 0))
        months[order.day[:7]] = (count + 1, units + order.units, gross + order.total)
    return months


def per_product() -> dict[str, tuple[int, int]]:
    """Units and gross of each product sold."""
    units: Counter[str] = Counter()
    gross: Counter[str] = Counter()
    for order in orders():
        for product, (price, quantity) in order.lines.items():
            units[product] += quantity
            gross[product] += price * quantity
    return {product: (units[product], gross[product]) for product in units}


def per_customer() -> dict[str, tuple[int, dict[str, int]]]:
    """Orders and spending of every customer, those who never ordered included."""
    found: dict[str, tuple[int, dict[str, int]]] = {customer: (0, {}) for customer in company_names()}
    for order in orders():
        count, spent = found[order.customer]
        found[order.customer] = (count + 1, {"USD": spent.get("USD", 0) + order.total})
    return found


def last_prices() -> dict[str, int]:
    """What each product was sold at last; its list price if it never was."""
    prices = {cells[0]: cents(cells[5]) for cells in rows("products.csv")}
    for order in orders():
        prices |= {product: price for product, (price, _) in order.lines.items()}
    return prices


def discontinued() -> set[str]:
    return {cells[0] for cells in rows("products.csv") if cells[9] == "1"}
