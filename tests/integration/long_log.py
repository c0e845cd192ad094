"""A long log, made directly: what months of a shop come to, in a second.

Customers, products and orders on their way from pending to delivered, many at a time and in turn, with a
customer renamed now and then. The same for the same arguments.
"""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.registry import AnyEvent, to_stored
from bus.messages.streams import customer_stream, order_stream, partition_of, product_stream
from bus.messages.values import OrderStatus
from tests.support import messages

CHUNK = 5_000
_MOVES: dict[OrderStatus, tuple[OrderStatus, Callable[..., AnyEvent]]] = {
    OrderStatus.PENDING: (OrderStatus.CONFIRMED, messages.order_confirmed),
    OrderStatus.CONFIRMED: (OrderStatus.SHIPPED, messages.order_shipped),
    OrderStatus.SHIPPED: (OrderStatus.DELIVERED, messages.order_delivered),
}


def append(database: Database[StoredDocument], partitions: int, events: int, *, renames: int = 0) -> Log:
    """Append to an empty log about so many events, one in each commit; ``renames`` of a thousand are one."""
    log = Log(database, partitions)
    log.create()
    commits: list[StoredDocument] = []
    for commit in _History(partitions, renames).commits(events):
        commits.append(commit.to_stored())
        if len(commits) == CHUNK:
            database.commits.insert_many(commits)
            commits = []
    if commits:
        database.commits.insert_many(commits)
    heads = {str(partition): log.head(partition) for partition in range(partitions)}
    database.positions.update_one({"_id": "claimed"}, {"$set": heads}, upsert=True)
    return log


class _History:
    customers, products, open_orders = 200, 50, 1_000

    def __init__(self, partitions: int, renames: int) -> None:
        self._partitions = partitions
        self._renames = renames
        self._random = random.Random(7)
        self._at = messages.PLACED_AT
        self._seqs = dict.fromkeys(range(partitions), 0)
        self._versions: dict[str, int] = {}
        self._open: list[dict[str, Any]] = []
        self._orders = 0

    def commits(self, events: int) -> Iterator[Commit]:
        for number in range(self.customers):
            registered = messages.customer_registered(customer_id=f"c{number}", name=f"Name {number}")
            yield self._commit(customer_stream(f"c{number}"), registered)
        for number in range(self.products):
            added = messages.product_added(product_id=f"p{number}", name=f"Product {number}")
            yield self._commit(product_stream(f"p{number}"), added)
        for number in range(self.customers + self.products, events):
            self._at += timedelta(seconds=20)
            if self._random.random() * 1_000 < self._renames:
                yield self._rename(number)
            elif len(self._open) < self.open_orders or self._random.random() < 0.25:
                yield self._place()
            else:
                yield self._move()

    def _commit(self, stream: str, event: AnyEvent) -> Commit:
        partition = partition_of(stream, self._partitions)
        self._seqs[partition] += 1
        self._versions[stream] = self._versions.get(stream, 0) + 1
        return Commit(
            partition=partition,
            seq=self._seqs[partition],
            command_id=f"{partition}-{self._seqs[partition]}",
            correlation_id="long",
            at=self._at,
            by="staff:sam",
            stream=stream,
            version=self._versions[stream],
            events=(to_stored(event),),
            state={},
        )

    def _rename(self, number: int) -> Commit:
        customer_id = f"c{self._random.randrange(self.customers)}"
        renamed = messages.customer_renamed(customer_id=customer_id, name=f"Name {number}")
        return self._commit(customer_stream(customer_id), renamed)

    def _place(self) -> Commit:
        customer_id = f"c{self._random.randrange(self.customers)}"
        home = partition_of(customer_stream(customer_id), self._partitions)
        order_id = ""
        while not order_id or partition_of(order_stream(order_id), self._partitions) != home:
            self._orders += 1
            order_id = f"{self._orders:012}"
        lines = [
            {
                "product_id": f"p{product}",
                "product_name": f"Product {product}",
                "quantity": 2,
                "list_price": 2500,
                "unit_price": 2500,
                "discount": 0,
                "line_total": 5000,
            }
            for product in self._random.sample(range(self.products), 3)
        ]
        order = {"order_id": order_id, "customer_id": customer_id, "placed_at": self._at, "total": 15_000}
        self._open.append({**order, "lines": lines, "status": OrderStatus.PENDING})
        placed = messages.order_placed(**order, customer_name="as it was", lines=lines, units=6)
        return self._commit(order_stream(order_id), placed)

    def _move(self) -> Commit:
        place = self._random.randrange(len(self._open))
        order = self._open[place]
        status, make = _MOVES[order["status"]]
        lines = [
            {"product_id": line["product_id"], "quantity": line["quantity"], "amount": line["line_total"]}
            for line in order["lines"]
        ]
        told = {name: order[name] for name in ("order_id", "customer_id", "placed_at", "total")}
        if status is OrderStatus.DELIVERED:
            self._open[place] = self._open[-1]
            self._open.pop()
        else:
            order["status"] = status
        return self._commit(order_stream(told["order_id"]), make(**told, at=self._at, units=6, lines=lines))
