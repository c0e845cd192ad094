"""A second opinion on the read models, without their folds: from the write side and the bare events."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from bus.messages.orders import OrderCancelled, OrderPlaced
from read_side.projections import order_analytics, product_sales
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.product_sales import PRODUCT_SALES
from read_side.queries.store import CollectionDocuments
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide


def agrees(write: WriteSide, read: ReadSide) -> None:
    """Asserts that orders, customers' names, analytics and sales are what the write side says."""
    commits = list(_commits(write))
    newest = {commit.stream: commit for commit in commits}
    orders = {stream: commit for stream, commit in newest.items() if str(stream).startswith("order-")}
    shown = {key: d for key, d in read.documents(ORDER_SUMMARY).items() if not key.startswith("customer-")}
    assert {f"order-{key}": _core(d) for key, d in shown.items()} == {
        stream: _core({**(commit.state or {}), "version": commit.version})
        for stream, commit in orders.items()
    }
    for document in shown.values():
        customer = newest[f"customer-{document['customer_id']}"]
        assert document["customer_name"] == (customer.state or {})["name"]
    _same_analytics(read, [commit.state or {} for commit in orders.values()])
    _same_sales(read, commits)


def _commits(write: WriteSide) -> Iterator[Commit]:
    for partition in range(PARTITIONS):
        yield from (c for c in write.log.read(partition, 0, 10_000).commits if c.stream is not None)


def _core(document: StoredDocument) -> StoredDocument:
    return {name: document[name] for name in ("customer_id", "status", "total", "placed_at", "version")}


def _same_analytics(read: ReadSide, orders: list[Any]) -> None:
    collection = read.registry.collection(ORDER_ANALYTICS.name, 1)
    buckets = order_analytics.by_period(CollectionDocuments(collection))["buckets"]
    found = Counter(
        {(b["period"], b["currency"], status): n for b in buckets for status, n in b["by_status"].items()}
    )
    days = [(order["placed_at"].date().isoformat(), order["currency"]) for order in orders]
    assert +found == Counter((*day, order["status"]) for day, order in zip(days, orders, strict=True))
    for bucket in buckets:
        there = [
            o for day, o in zip(days, orders, strict=True) if day == (bucket["period"], bucket["currency"])
        ]
        cancelled = [order for order in there if order["status"] == "cancelled"]
        assert bucket["orders"] == len(there)
        assert bucket["units"] == sum(order["units"] for order in there)
        assert bucket["gross"] == sum(order["total"] for order in there)
        assert bucket["cancelled_orders"] == len(cancelled)
        assert bucket["cancelled_gross"] == sum(order["total"] for order in cancelled)


def _same_sales(read: ReadSide, commits: list[Commit]) -> None:
    sold: Counter[tuple[str, str]] = Counter()
    for recorded in (one for commit in commits for one in commit.recorded()):
        match recorded.event:
            case OrderPlaced() as placed:
                sold.update({(line.product_id, placed.currency): line.line_total for line in placed.lines})
            case OrderCancelled() as cancelled:
                sold.subtract(
                    {(line.product_id, cancelled.currency): line.amount for line in cancelled.lines}
                )
    collection = read.registry.collection(PRODUCT_SALES.name, 1)
    found = product_sales.best_sellers(CollectionDocuments(collection), limit=100)["products"]
    kept = {(p["product_id"], p["currency"]): p["gross"] - p["cancelled_gross"] for p in found}
    assert kept == dict(sold)
