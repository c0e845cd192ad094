"""Prices the items of an order, and finds the items that cannot be sold in it.

The currency of an order is that of its first product that can be sold. An item costs the price of
the catalogue, or an agreed price. For an agreed price the item names its own unit price, or a
discount on the line, or both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bus.messages.values import MAX_TOTAL, Item, Line
from write_side.domain.products import Product


@dataclass(frozen=True, slots=True)
class Violation:
    """An error in one field of a command, with the stable code for it."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The lines that can be sold, and a problem for each that cannot; ``total`` in minor units."""

    lines: tuple[Line, ...]
    currency: str
    total: int
    problems: tuple[Violation, ...]


def price(items: Sequence[Item], products: Mapping[str, Product | None]) -> Quote:
    """Price the items; every product must have been looked up.

    An item gets the product's price as all commands accepted before this one have left it, unless
    the item names another.
    """
    wanted = [products[item.product_id] for item in items]
    currency = next((p.currency for p in wanted if p is not None and not p.discontinued), "")
    priced = [
        _line(item, product, currency, f"items.{index}")
        for index, (item, product) in enumerate(zip(items, wanted, strict=True))
    ]
    lines = tuple(line for line in priced if isinstance(line, Line))
    problems = [problem for problem in priced if isinstance(problem, Violation)]
    total = sum(line.line_total for line in lines)
    if total > MAX_TOTAL:
        problems.append(Violation("total-too-large", "items", f"the total is {total}, the limit {MAX_TOTAL}"))
    return Quote(lines, currency, total, tuple(problems))


def _line(item: Item, product: Product | None, currency: str, field: str) -> Line | Violation:
    named = f"{field}.product_id"
    if product is None:
        return Violation("unknown-product", named, f"there is no product {item.product_id}")
    if product.discontinued:
        return Violation("product-discontinued", named, f"product {item.product_id} is discontinued")
    if product.currency != currency:
        mixed = f"product {item.product_id} is sold in {product.currency}, others of the order in {currency}"
        return Violation("mixed-currencies", named, mixed)
    unit_price = product.unit_price if item.unit_price is None else item.unit_price
    full, discount = item.quantity * unit_price, item.discount or 0
    if discount > full:
        return Violation(
            "discount-too-large", f"{field}.discount", f"is {discount}, the line without it {full}"
        )
    return Line(
        product_id=item.product_id,
        product_name=product.name,
        quantity=item.quantity,
        list_price=product.unit_price,
        unit_price=unit_price,
        discount=discount,
        line_total=full - discount,
    )
