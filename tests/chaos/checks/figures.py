"""What the API shows is what the clients count from their own books: lists, sums, histories, visibility."""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import httpx

from tests.chaos.books import Books
from tests.chaos.findings import Findings
from tests.chaos.request import Record

LOOKED_AT = 50
"""So many orders and commands are looked at one by one; lists and sums are compared whole."""

ByName = Mapping[str, Mapping[str, Any]]


def check(client: httpx.Client, books: Books, records: list[Record], rng: Random, findings: Findings) -> None:
    """Everything, through a client of the staff."""
    lists = (
        ("order", books.order_list(), _pages(client, "orders")),
        ("customer", books.customer_list(), _pages(client, "customers")),
        ("product", books.product_list(), _pages(client, "products")),
    )
    for name, expected, shown in lists:
        _same(name, expected, {one[f"{name}_id"]: one for one in shown}, findings)
    totals = _get(client, "/analytics/orders")["totals"]
    _same("orders in", books.order_totals(), {one["currency"]: one for one in totals}, findings)
    sales = _get(client, "/analytics/products?limit=100")["products"]
    _same("sales of", books.product_sales(), {one["product_id"]: one for one in sales}, findings)
    for order in rng.sample(list(books.orders.values()), min(LOOKED_AT, len(books.orders))):
        shown_order = _get(client, f"/orders/{order.order_id}")
        history = [entry["status"] for entry in shown_order.get("history", [])]
        findings.compare(f"history of {order.order_id}", order.history, history)
        lines = [
            (line["product_id"], line["quantity"], line["line_total"])
            for line in shown_order.get("items", [])
        ]
        findings.compare(f"lines of {order.order_id}", sorted(order.lines), sorted(lines))
    for record in rng.sample(records, min(LOOKED_AT, len(records))):
        command = _get(client, f"/commands/{record.command_id}")
        findings.compare(f"status of {record.key}", record.expected.status, command.get("status"))
        hidden = [name for name, visible in command.get("visible", {}).items() if not visible]
        findings.compare(f"read models that do not show {record.key}", [], hidden)


def _same(name: str, expected: ByName, shown: ByName, findings: Findings) -> None:
    """Compare what is expected; fields that the API has besides are its own."""
    for key in sorted(expected.keys() | shown.keys()):
        wanted, found = expected.get(key), shown.get(key)
        if wanted is None or found is None:
            findings.compare(f"{name} {key}", wanted, found)
        else:
            findings.compare(f"{name} {key}", wanted, {field: found.get(field) for field in wanted})


def _pages(client: httpx.Client, name: str) -> Iterable[Mapping[str, Any]]:
    cursor = ""
    while True:
        page = _get(client, f"/{name}?limit=100{cursor}")
        yield from page[name]
        if not page["next_cursor"]:
            return
        cursor = f"&cursor={page['next_cursor']}"


def _get(client: httpx.Client, path: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = client.get(path).json()
    return answer
