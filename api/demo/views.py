"""The answers of each read model, as tables for people."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from rich.table import Table

from api.client.sender import Sender

ROWS = 10


def views(sender: Sender, order_id: str, first_day: date) -> Iterator[Table]:
    """Yield one table for each read model.

    Analytics and sales are of the days from ``first_day`` on, all else is of everything there is.
    """
    yield _orders(sender.get("/orders", {"limit": ROWS}))
    yield _order(sender.get(f"/orders/{order_id}"))
    since = first_day.isoformat()
    yield _days(sender.get("/analytics/orders", {"from": since, "by": "day"}))
    yield _sales(sender.get("/analytics/products", {"from": since, "limit": ROWS}))
    yield _customers(sender.get("/customers", {"limit": ROWS}))
    yield _products(sender.get("/products", {"limit": ROWS}))


def money(amount: int, currency: str) -> str:
    """Return minor units as people write them; all currencies here have two decimals."""
    return f"{amount // 100:,}.{amount % 100:02} {currency}"


def _table(title: str, *columns: str, numbers: int) -> Table:
    """Return a table; its last ``numbers`` columns are aligned to the right."""
    table = Table(*columns, title=title, title_justify="left")
    for column in table.columns[len(columns) - numbers :]:
        column.justify = "right"
    return table


def _orders(page: dict[str, Any]) -> Table:
    table = _table(
        "order_summary: the newest orders", "placed", "customer", "status", "lines", "total", numbers=2
    )
    for order in page["orders"]:
        total = money(order["total"], order["currency"])
        placed = order["placed_at"][:16].replace("T", " ")
        table.add_row(placed, order["customer_name"], order["status"], str(order["item_count"]), total)
    return table


def _order(order: dict[str, Any]) -> Table:
    history = " → ".join(entry["status"] for entry in order["history"])
    title = f"order_detail: {order['order_id']} of {order['customer_name']} ({history})"
    table = _table(title, "product", "quantity", "unit price", "line total", numbers=3)
    for item in order["items"]:
        prices = [money(item[field], order["currency"]) for field in ("unit_price", "line_total")]
        table.add_row(item["product_name"], str(item["quantity"]), *prices)
    table.add_section()
    table.add_row("", str(order["units"]), "", money(order["total"], order["currency"]))
    return table


def _days(analytics: dict[str, Any]) -> Table:
    title = "order_analytics: by day"
    table = _table(title, "day", "orders", "units", "gross", "cancelled", numbers=4)
    for bucket in [*analytics["buckets"], None, *analytics["totals"]]:
        if bucket is None:
            table.add_section()
            continue
        amounts = [money(bucket[field], bucket["currency"]) for field in ("gross", "cancelled_gross")]
        table.add_row(bucket.get("period", "all"), str(bucket["orders"]), str(bucket["units"]), *amounts)
    return table


def _sales(sales: dict[str, Any]) -> Table:
    table = _table("product_sales: the best", "product", "units", "gross", "cancelled", numbers=3)
    for product in sales["products"]:
        amounts = [money(product[field], product["currency"]) for field in ("gross", "cancelled_gross")]
        table.add_row(product["product_name"], str(product["units"]), *amounts)
    return table


def _customers(page: dict[str, Any]) -> Table:
    table = _table("customers", "id", "name", "orders", "spent", numbers=2)
    for customer in page["customers"]:
        spent = ", ".join(money(amount, currency) for currency, amount in customer["spent"].items())
        table.add_row(customer["customer_id"], customer["name"], str(customer["orders"]), spent)
    return table


def _products(page: dict[str, Any]) -> Table:
    table = _table("products", "id", "name", "unit price", numbers=1)
    for product in page["products"]:
        price = money(product["unit_price"], product["currency"])
        table.add_row(product["product_id"], product["name"], price)
    return table
