"""A recorded history, and the figures that follow from it: what the service must show once it is imported.

Each set is read by code of its own, apart from the importer's. Amounts are in minor units, and moments as the
API writes them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WALK_IN = "Walk-in"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was sold."""

    product: str
    quantity: int
    unit_price: int
    discount: int = 0

    @property
    def total(self) -> int:
        return self.quantity * self.unit_price - self.discount


@dataclass(frozen=True, slots=True)
class Order:
    """An order; ``reference`` is its number in the files, and its id there."""

    reference: str
    customer: str | None
    at: str
    lines: Sequence[Line]
    changes: Sequence[tuple[str, str]] = ()
    """Statuses after the first, with their times."""
    address: Mapping[str, str] | None = None

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines)

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def status(self) -> str:
        return self.changes[-1][0] if self.changes else "pending"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One set: where it is, how it is imported, and what it says."""

    name: str
    files: Sequence[Path]
    mapping: Path
    currency: str
    orders: Sequence[Order]
    products: Mapping[str, tuple[str, int]]
    """Name and price by id."""
    customers: Mapping[str, str] = field(default_factory=dict)
    """Name by id."""
    discontinued: frozenset[str] = frozenset()

    def per_period(self, period: Callable[[str], str]) -> dict[str, tuple[int, int, int, int]]:
        """Orders, units, gross and discounts of each period of the time of an order."""
        found: dict[str, tuple[int, int, int, int]] = {}
        for order in self.orders:
            count, units, gross, off = found.get(period(order.at), (0, 0, 0, 0))
            off += sum(line.discount for line in order.lines)
            found[period(order.at)] = (count + 1, units + order.units, gross + order.total, off)
        return found

    def per_product(self) -> dict[str, tuple[int, int, int]]:
        """Units, gross and discounts of each product sold."""
        found: dict[str, tuple[int, int, int]] = {}
        for line in (line for order in self.orders for line in order.lines):
            units, gross, off = found.get(line.product, (0, 0, 0))
            found[line.product] = (units + line.quantity, gross + line.total, off + line.discount)
        return found

    def per_customer(self) -> dict[str, tuple[int, dict[str, int]]]:
        """Orders and spending of every customer, those who never ordered included."""
        orders: Counter[str] = Counter()
        spent: dict[str, dict[str, int]] = defaultdict(dict)
        for order in self.orders:
            if order.customer is not None:
                orders[order.customer] += 1
                if order.status != "cancelled":
                    earlier = spent[order.customer].get(self.currency, 0)
                    spent[order.customer][self.currency] = earlier + order.total
        return {customer: (orders[customer], spent[customer]) for customer in self.customers}
