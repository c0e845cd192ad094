"""The stock version as a contestant: its workers, its API, and when all of its read models show an order."""

import time
import uuid
from contextlib import ExitStack
from typing import Any

import redis
from dramatiq.brokers.redis import RedisBroker
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.benchmarks import workload
from tests.benchmarks.backstage import Backstage
from tests.benchmarks.stage import STOCK_REDIS, Stage
from tests.benchmarks.yardsticks import dramatiq_workers, stock, stock_api
from tests.support.waiting import until

POLL_S = 0.004
PATIENCE_S = 300.0


class Stock:
    """Workers under the ``dramatiq`` command, with its default processes, threads and prefetch."""

    def __init__(self, stage: Stage) -> None:
        url = stage.redis_url_of(STOCK_REDIS)
        self._stage = stage
        self._environ = {dramatiq_workers.REDIS: url, dramatiq_workers.MONGODB: stage.mongod.uri}
        self._open = ExitStack()
        self._backstage = Backstage(url)
        self._open.callback(self._backstage.close)
        self._redis = redis.Redis.from_url(url)
        self._open.callback(self._redis.close)
        mongo: MongoClient[stock.Document] = MongoClient(stage.mongod.uri)
        self._open.callback(mongo.close)
        self._database = mongo[stock.DATABASE]
        enqueuing = RedisBroker(url=self._backstage.url)
        self._open.callback(enqueuing.client.close)
        self._place_order = stock.declare(enqueuing, self._database)
        self._orders = workload.Orders()
        self._found()
        stage.start("stock", "dramatiq", f"{stock.__name__}:{stock.setup.__name__}", **self._environ)

    def close(self) -> None:
        self._open.close()

    @property
    def details(self) -> Collection[stock.Document]:
        """Where an order becomes visible."""
        return self._database.order_detail

    def serve(self) -> int:
        """Start its API; return the port."""
        return self._stage.serve("stock-api", stock_api.__name__, **self._environ)

    def place(self, orders: int) -> float:
        """Handle so many orders and show them; return the seconds that it took."""
        for order in self._orders.several(orders):
            self._place_order.send({"order_id": str(uuid.uuid4()), **order})
        began = time.perf_counter()
        self._backstage.raise_curtain()
        self.until_done()
        return time.perf_counter() - began

    def until_done(self) -> None:
        """Return when no message is left: a message is acknowledged after those that it sent are there."""
        until(self.is_done, PATIENCE_S, "the stock version has shown every order", POLL_S)

    def is_done(self) -> bool:
        return dramatiq_workers.is_idle(self._redis, stock.QUEUES)

    def verify(self) -> None:
        """Raise ``AssertionError`` unless every order is shown by all five read models."""
        orders = self._database.events.count_documents({})
        shown = {
            "order_summary": self._database.order_summary.count_documents({}),
            "order_detail": self._database.order_detail.count_documents({}),
            "order_analytics": self._sum("order_analytics", "orders"),
            "customers": self._sum("customers", "orders"),
        }
        if any(count < orders for count in shown.values()) or not self._sum("product_sales", "units"):
            raise AssertionError(f"of {orders} orders are shown: {shown}")

    def _sum(self, model: str, field: str) -> int:
        total: Any = list(
            self._database[model].aggregate([{"$group": {"_id": 0, "n": {"$sum": f"${field}"}}}])
        )
        return int(total[0]["n"]) if total else 0

    def _found(self) -> None:
        """Customers and products as the write side and the read models have them."""
        customers = [{"_id": each, "name": workload.customer_name(each)} for each in workload.CUSTOMERS]
        products = [
            {
                "_id": each,
                "name": workload.product_name(each),
                "unit_price": workload.unit_price(each),
                "currency": workload.CURRENCY,
            }
            for each in workload.PRODUCTS
        ]
        stock.create_indexes(self._database)
        for name, documents in (("customers", customers), ("products", products)):
            self._database[f"write_{name}"].insert_many(documents)
            self._database[name].insert_many(documents)
