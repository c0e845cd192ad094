"""Years of sales, folded into both analytics as the projector would, without the log in between.

Every product is sold on every day, in one or two of four partitions: that is 1.2 documents for a product and
a day, if there is one for each day and partition. The same orders every time.
"""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pymongo.collection import Collection

from bus.log.commit import RecordedEvent
from bus.messages.orders import OrderPlaced
from bus.messages.values import Line
from read_side.projections.model import Document, ReadModel
from read_side.projector.folding import POSITION, placed
from tests.benchmarks import workload

PARTITIONS = 4
BOTH_OF_TEN = 2
"""So many products of ten are sold in two partitions on a day."""
LINES = 10
UNIT_PRICE = 450
DISCOUNT = 25
CHUNK = 1_000


class SoldYears:
    """Sales of so many products on so many days, up to the end of a year."""

    def __init__(self, products: int, days: int) -> None:
        self.products = products
        self.last = date(2024, 12, 31)
        self.first = self.last - timedelta(days=days - 1)
        self.units = 0
        """Sold in all; known once they are written."""
        self.lines = 0
        self._random = random.Random(7)

    def write(self, sides: list[tuple[ReadModel, Collection[Document]]]) -> None:
        """Fold a month at a time, and write its documents."""
        documents: list[dict[str, Document]] = [{} for _ in sides]
        seqs: Counter[int] = Counter()
        day = self.first
        while day <= self.last:
            for order, partition in self._orders(day):
                seqs[partition] += 1
                recorded = RecordedEvent(order, "order-x", 1, partition, seqs[partition], order.placed_at)
                for (model, _), found in zip(sides, documents, strict=True):
                    _fold(model, recorded, found)
            day += timedelta(days=1)
            if day.day == 1 or day > self.last:
                for (_, collection), found in zip(sides, documents, strict=True):
                    _insert(collection, list(found.values()))
                    found.clear()

    def _orders(self, day: date) -> Iterator[tuple[OrderPlaced, int]]:
        products = [f"p{number}" for number in range(self.products)]
        again = self._random.sample(products, self.products * BOTH_OF_TEN // 10)
        for start in range(0, len(products), LINES):
            yield self._order(day, products[start : start + LINES]), start // LINES % PARTITIONS
        for start in range(0, len(again), LINES):
            yield self._order(day, again[start : start + LINES]), self._random.randrange(PARTITIONS)

    def _order(self, day: date, products: list[str]) -> OrderPlaced:
        lines = tuple(self._line(product_id) for product_id in products)
        units = sum(line.quantity for line in lines)
        self.units += units
        self.lines += len(lines)
        return OrderPlaced(
            order_id="x",
            customer_id="c1",
            customer_name="Customer",
            reference=None,
            placed_at=datetime.combine(day, time(12), UTC),
            currency=workload.CURRENCY,
            lines=lines,
            total=sum(line.line_total for line in lines),
            units=units,
            shipping_address=None,
        )

    def _line(self, product_id: str) -> Line:
        quantity = self._random.randint(1, 5)
        return Line(
            product_id=product_id,
            product_name=f"Product {product_id}",
            quantity=quantity,
            list_price=UNIT_PRICE,
            unit_price=UNIT_PRICE,
            discount=DISCOUNT,
            line_total=quantity * UNIT_PRICE - DISCOUNT,
        )


def _fold(model: ReadModel, recorded: RecordedEvent, documents: dict[str, Document]) -> None:
    for blank in model.keys(recorded.event):
        fresh = placed(model, blank, recorded.partition)
        before = documents.get(fresh["_id"], fresh)
        documents[fresh["_id"]] = {**model.fold(before, recorded), POSITION: recorded.seq}


def _insert(collection: Collection[Document], documents: list[dict[str, Any]]) -> None:
    for start in range(0, len(documents), CHUNK):
        collection.insert_many(documents[start : start + CHUNK], ordered=False)
