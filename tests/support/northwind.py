"""What Northwind's four files say.

Cells are read by their place: from the left up to the address, whose commas are not quoted, and from the
right after it.
"""

import csv
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

from tests.support.recorded import Line, Order, Recorded

MAPPING = Path(__file__).parents[1] / "mappings" / "northwind.toml"
FILES = ("customers.csv", "products.csv", "orders.csv", "order-details.csv")


def read(folder: Path) -> Recorded:
    """The set in a folder."""
    lines: dict[str, list[Line]] = defaultdict(list)
    for number, product, price, quantity, rate in _rows(folder / "order-details.csv"):
        off = cents(price) * int(quantity) * Fraction(rate)
        lines[number].append(Line(product, int(quantity), cents(price), int(off + Fraction(1, 2))))
    products = _rows(folder / "products.csv")
    return Recorded(
        name="northwind",
        files=[folder / name for name in FILES],
        mapping=MAPPING,
        currency="USD",
        orders=[_order(cells, lines[cells[0]]) for cells in _rows(folder / "orders.csv")],
        products={cells[0]: (cells[1], cents(cells[5])) for cells in products},
        customers={cells[0]: cells[1] for cells in _rows(folder / "customers.csv")},
        discontinued=frozenset(cells[0] for cells in products if cells[9] == "1"),
    )


def cents(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))


def _order(cells: list[str], lines: list[Line]) -> Order:
    at, shipped_at = _moment(cells[3]), _moment(cells[5])
    where = {
        "line1": ",".join(cells[9:-4]),
        "city": cells[-4],
        "region": cells[-3],
        "postal_code": cells[-2],
        "country": cells[-1],
    }
    return Order(
        reference=cells[0],
        customer=cells[1],
        at=at or "",
        lines=lines,
        changes=[("confirmed", at or ""), ("shipped", shipped_at)] if shipped_at else [],
        address={name: text.strip() for name, text in where.items() if text != "NULL"},
    )


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def _moment(text: str) -> str | None:
    return None if text == "NULL" else f"{text.replace(' ', 'T')}Z"
