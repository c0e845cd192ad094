"""A log written directly: as many orders as wanted, without the commands that would have led to them.

The documents are those that handling would have appended, a thousand at a time; the first of each kind is
read with the code that reads the log. Every fourth order has been confirmed. All were placed within a year,
by so few customers that at ten thousand orders each has a page of twenty, and at a million two thousand.
"""

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import InsertOne
from pymongo.database import Database

from bus.inbox.inbox import Inbox
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.registry import SCHEMA_VERSIONS
from bus.messages.streams import customer_stream, draw_order_id, order_stream, partition_of, product_stream
from tests.benchmarks import workload
from write_side.domain.aggregates import aggregate_of

CUSTOMERS = tuple(f"b{number}" for number in range(500))
CONFIRMED_EVERY = 4
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=365)
CHUNK = 1_000

Stored = dict[str, Any]


class WrittenLog:
    """Writes into a write database that has no log yet."""

    def __init__(self, database: Database[Stored], partitions: int) -> None:
        self._database = database
        self._partitions = partitions
        self._heads: Counter[int] = Counter()
        self._random = random.Random(5)

    def write(self, orders: int) -> int:
        """Write it; return how many commits it has."""
        Log(self._database, self._partitions).create()
        Inbox(self._database, self._partitions).create()
        seen: set[str] = set()
        chunk: list[InsertOne[Stored]] = []
        for document in self._documents(orders):
            kind = document["events"][0]["type"]
            if kind not in seen:
                seen.add(kind)
                _check(document)
            chunk.append(InsertOne(document))
            if len(chunk) == CHUNK:
                self._database.commits.bulk_write(chunk, ordered=False)
                chunk = []
        if chunk:
            self._database.commits.bulk_write(chunk, ordered=False)
        heads = {str(partition): head for partition, head in self._heads.items()}
        self._database.positions.insert_one({"_id": "claimed", **heads})
        return self._heads.total()

    def _documents(self, orders: int) -> Iterator[Stored]:
        for customer_id in CUSTOMERS:
            customer = {
                "customer_id": customer_id,
                "name": workload.customer_name(customer_id),
                "email": f"{customer_id}@workload.example",
            }
            yield self._commit(
                customer_stream(customer_id), 1, FIRST, "CustomerRegistered", customer, customer
            )
        for product_id in workload.PRODUCTS:
            product = {
                "product_id": product_id,
                "name": workload.product_name(product_id),
                "unit_price": workload.unit_price(product_id),
                "currency": workload.CURRENCY,
            }
            state = {**product, "discontinued": False}
            yield self._commit(product_stream(product_id), 1, FIRST, "ProductAdded", product, state)
        for number in range(orders):
            placed_at = FIRST + timedelta(milliseconds=SPAN // timedelta(milliseconds=1) * number // orders)
            yield from self._order(
                CUSTOMERS[number % len(CUSTOMERS)], placed_at, confirmed=number % CONFIRMED_EVERY == 0
            )

    def _order(self, customer_id: str, placed_at: datetime, *, confirmed: bool) -> Iterator[Stored]:
        order_id = draw_order_id(customer_id, self._partitions)
        lines: list[Stored] = []
        for product_id in self._random.sample(workload.PRODUCTS, self._random.randint(1, workload.MAX_LINES)):
            quantity, price = self._random.randint(1, 5), workload.unit_price(product_id)
            lines.append(
                {
                    "product_id": product_id,
                    "product_name": workload.product_name(product_id),
                    "quantity": quantity,
                    "list_price": price,
                    "unit_price": price,
                    "discount": 0,
                    "line_total": quantity * price,
                }
            )
        amounts = [
            {"product_id": line["product_id"], "quantity": line["quantity"], "amount": line["line_total"]}
            for line in lines
        ]
        common = {
            "order_id": order_id,
            "customer_id": customer_id,
            "placed_at": placed_at,
            "currency": workload.CURRENCY,
            "total": sum(line["line_total"] for line in lines),
            "units": sum(line["quantity"] for line in lines),
        }
        placed = {
            **common,
            "customer_name": workload.customer_name(customer_id),
            "reference": None,
            "lines": lines,
            "shipping_address": {"line2": None, "region": None, **workload.ADDRESS},
        }
        state = {**common, "lines": amounts, "status": "pending", "changed_at": placed_at}
        stream = order_stream(order_id)
        yield self._commit(stream, 1, placed_at, "OrderPlaced", placed, state)
        if confirmed:
            at = placed_at + timedelta(hours=1)
            moved = {**common, "lines": amounts, "old_status": "pending", "new_status": "confirmed", "at": at}
            after = {**state, "status": "confirmed", "changed_at": at}
            yield self._commit(stream, 2, at, "OrderConfirmed", {**moved, "note": None}, after)

    def _commit(  # noqa: PLR0917 - a commit's own fields
        self, stream: str, version: int, at: datetime, kind: str, data: Stored, state: Stored
    ) -> Stored:
        partition = partition_of(stream, self._partitions)
        self._heads[partition] += 1
        return {
            "partition": partition,
            "seq": self._heads[partition],
            "command_id": str(uuid.uuid4()),
            "correlation_id": "written",
            "at": at,
            "by": "staff:ann",
            "stream": stream,
            "version": version,
            "events": [{"type": kind, "v": SCHEMA_VERSIONS[kind], "data": data}],
            "state": state,
            **_state_version(stream),
        }


def _state_version(stream: str) -> Stored:
    version = aggregate_of(stream).state.schema_version
    return {"state_v": version} if version > 1 else {}


def _check(document: Stored) -> None:
    """Raise ``ValueError`` unless the log's own code can read it."""
    commit = Commit.from_stored(document)
    list(commit.recorded())
    aggregate_of(document["stream"]).state.model_validate(commit.state)
