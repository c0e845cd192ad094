"""Yardstick: the ``eventsourcing`` library, doing the job in one process on SQLite.

An application appends each order as an aggregate's event, priced with the customer and the products, which
are aggregates too and are cached; the library's runner hands each event to a follower, which writes one
summary per order in the transaction that tracks how far it has read. All as the library documents it, on
files in WAL mode, with whichever of its two newer runners is faster here: one follows in the appending
thread, one in threads of its own. Its ``ProjectionRunner`` has no subscriptions on SQLite.

It leaves out the bus, other processes and five of the six read models, and appends without anybody else's
waiting in between. What it does is durable: SQLite syncs each transaction.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import ProcessingEvent
from eventsourcing.domain import Aggregate, DomainEventProtocol, event
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteCursor, SQLiteProcessRecorder
from eventsourcing.system import (
    Leader,
    NewMultiThreadedRunner,
    NewSingleThreadedRunner,
    ProcessApplication,
    Runner,
    System,
)

from tests.benchmarks import workload
from tests.support.waiting import until

PATIENCE_S = 120.0
POLL_S = 0.004

Line = dict[str, Any]


class Customer(Aggregate):
    def __init__(self, customer_id: str, name: str) -> None:
        self.customer_id = customer_id
        self.name = name

    @staticmethod
    def create_id(customer_id: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/customers/{customer_id}")


class Product(Aggregate):
    def __init__(self, product_id: str, name: str, unit_price: int, currency: str) -> None:
        self.product_id = product_id
        self.name = name
        self.unit_price = unit_price
        self.currency = currency

    @staticmethod
    def create_id(product_id: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/products/{product_id}")


class Order(Aggregate):
    @event("Placed")
    def __init__(  # noqa: PLR0917 - the event's fields
        self,
        customer_id: str,
        customer_name: str,
        currency: str,
        lines: list[Line],
        total: int,
        shipping_address: dict[str, str],
    ) -> None:
        self.customer_id = customer_id
        self.customer_name = customer_name
        self.currency = currency
        self.lines = lines
        self.total = total
        self.shipping_address = shipping_address
        self.status = "pending"


class Orders(Leader[UUID]):
    """The write side."""

    def found(self) -> None:
        for customer_id in workload.CUSTOMERS:
            self.save(Customer(customer_id=customer_id, name=workload.customer_name(customer_id)))
        for product_id in workload.PRODUCTS:
            self.save(
                Product(
                    product_id=product_id,
                    name=workload.product_name(product_id),
                    unit_price=workload.unit_price(product_id),
                    currency=workload.CURRENCY,
                )
            )

    def place(self, order: dict[str, Any]) -> None:
        customer: Customer = self.repository.get(Customer.create_id(order["customer_id"]))
        products: list[Product] = [
            self.repository.get(Product.create_id(item["product_id"])) for item in order["items"]
        ]
        lines = [
            {
                "product_id": product.product_id,
                "product_name": product.name,
                "quantity": item["quantity"],
                "unit_price": product.unit_price,
                "line_total": item["quantity"] * product.unit_price,
            }
            for item, product in zip(order["items"], products, strict=True)
        ]
        self.save(
            Order(
                customer_id=customer.customer_id,
                customer_name=customer.name,
                currency=products[0].currency,
                lines=lines,
                total=sum(line["line_total"] for line in lines),
                shipping_address=order["shipping_address"],
            )
        )


CREATE_SUMMARY = """
CREATE TABLE IF NOT EXISTS order_summary (
    order_id TEXT PRIMARY KEY, status TEXT, customer_id TEXT, customer_name TEXT,
    total INTEGER, currency TEXT, item_count INTEGER, placed_at TEXT
)
"""


class SummaryRecorder(SQLiteProcessRecorder):
    """Writes summaries in the transaction that tracks the position."""

    def construct_create_table_statements(self) -> list[str]:
        return [
            *super().construct_create_table_statements(),
            CREATE_SUMMARY,
            "CREATE INDEX IF NOT EXISTS newest ON order_summary (customer_id, placed_at DESC)",
        ]

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        if (summary := kwargs.get("summary")) is not None:
            c.execute("INSERT OR REPLACE INTO order_summary VALUES (?,?,?,?,?,?,?,?)", summary)
        return super()._insert_events(c, stored_events, **kwargs)

    def count(self) -> int:
        with self.datastore.transaction(commit=False) as c:
            c.execute("SELECT COUNT(*) FROM order_summary")
            return int(c.fetchone()[0])


class Summaries(ProcessApplication[UUID]):
    """The read side."""

    def policy(
        self, domain_event: DomainEventProtocol[UUID], processing_event: ProcessingEvent[UUID]
    ) -> None:
        if isinstance(domain_event, Order.Placed):  # type: ignore[attr-defined]  # made by the decorator
            placed: Any = domain_event
            summary = (
                str(placed.originator_id),
                "pending",
                placed.customer_id,
                placed.customer_name,
                placed.total,
                placed.currency,
                len(placed.lines),
                placed.timestamp.isoformat(),
            )
            processing_event.collect_events(summary=summary)


RUNNERS: Mapping[str, type[Runner[UUID]]] = {
    "single": NewSingleThreadedRunner[UUID],
    "threads": NewMultiThreadedRunner[UUID],
}


def main(runner: str, orders: int, folder: str) -> None:
    """Print the seconds from the first order to the last summary."""
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "ORDERS_SQLITE_DBNAME": f"{folder}/orders.db",
        "SUMMARIES_SQLITE_DBNAME": f"{folder}/summaries.db",
        "SUMMARIES_PROCESS_RECORDER_TOPIC": f"{__name__}:{SummaryRecorder.__name__}",
        "AGGREGATE_CACHE_MAXSIZE": "1000",
        "AGGREGATE_CACHE_FASTFORWARD": "n",  # one process: nobody else changes what is cached
        "DEEPCOPY_FROM_AGGREGATE_CACHE": "n",
    }
    with RUNNERS[runner](System(pipes=[[Orders, Summaries]]), env=environment) as running:
        write_side = running.get(Orders)
        write_side.found()
        recorder = running.get(Summaries).recorder
        if not isinstance(recorder, SummaryRecorder):
            raise TypeError(type(recorder))
        drawn = workload.Orders().several(orders)
        began = time.perf_counter()
        for order in drawn:
            write_side.place(order)
        until(lambda: recorder.count() == orders, PATIENCE_S, "a summary for every order", POLL_S)
        sys.stdout.write(f"{time.perf_counter() - began}\n")
