"""Yardstick: the same job with the same packages, written the usual way.

A Dramatiq actor per kind of work, each with its queue. ``place_order`` looks up the customer and the
products, prices the order, inserts one document into the write collection, and sends the event to each read
model that wants it, one message each. The five that want it (``products`` does not) bring their collections
up to date with ``update_one`` and ``upsert``. The indexes are those that Twofold's queries have. Everything
else is as it comes: Dramatiq's middleware, workers and prefetch, the drivers' connections, MongoDB's write
concern (which is majority, and journaled).

It is safe to deliver a message twice where that comes for free: the write collection refuses a second copy
of an order, and the two order models set what they set. It leaves out what Twofold guarantees beyond that:
counts that stay right when a message comes twice, an order among commands, commands that survive Redis, an
outcome for each command, names that follow a rename, rebuilding.

``dramatiq tests.benchmarks.yardsticks.stock:setup`` runs the workers; ``stock_api`` is its API.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from pymongo import ASCENDING, DESCENDING, MongoClient, UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from tests.benchmarks.yardsticks import dramatiq_workers

Document = dict[str, Any]
COMMANDS = "place_order"
READ_MODELS = ("order_summary", "order_detail", "order_analytics", "product_sales", "customers", "products")
ON_ORDER_PLACED = READ_MODELS[:-1]
QUEUES = (COMMANDS, *ON_ORDER_PLACED)
DATABASE = "stock"


def setup() -> None:
    """What the workers run."""
    dramatiq_workers.end_with_parent()
    mongo: MongoClient[Document] = MongoClient(os.environ[dramatiq_workers.MONGODB])
    declare(dramatiq_workers.broker_of_environment(), mongo[DATABASE])


def create_indexes(database: Database[Document]) -> None:
    database.events.create_index([("order_id", ASCENDING), ("version", ASCENDING)], unique=True)
    newest = [("placed_at", DESCENDING), ("_id", DESCENDING)]
    for fields in ([], ["customer_id"], ["status"], ["customer_id", "status"]):
        database.order_summary.create_index([*((field, ASCENDING) for field in fields), *newest])
    database.order_detail.create_index("customer_id")
    database.product_sales.create_index("day")


def declare(broker: RedisBroker, database: Database[Document]) -> dramatiq.Actor[[Document], None]:
    """Declare every actor; return the one that takes commands."""
    projections = Projections(database)
    subscribers = [
        dramatiq.actor(broker=broker, queue_name=name, actor_name=name)(getattr(projections, name))
        for name in ON_ORDER_PLACED
    ]

    def place_order(order: Document) -> None:
        event = placed(database, order)
        with suppress(DuplicateKeyError):  # delivered again: perhaps the read models have not been told
            database.events.insert_one({**event, "version": 1, "type": "OrderPlaced"})
        for subscriber in subscribers:
            subscriber.send(event)

    return dramatiq.actor(broker=broker, queue_name=COMMANDS, actor_name=COMMANDS)(place_order)


def placed(database: Database[Document], order: Document) -> Document:
    """The event that an order comes to; raises ``LookupError`` for who or what is not there."""
    customer = database.write_customers.find_one({"_id": order["customer_id"]})
    wanted = [item["product_id"] for item in order["items"]]
    products = {each["_id"]: each for each in database.write_products.find({"_id": {"$in": wanted}})}
    if customer is None or len(products) < len(wanted):
        raise LookupError(f"order {order['order_id']} names a customer or product that is not there")
    lines = [
        {
            "product_id": item["product_id"],
            "product_name": products[item["product_id"]]["name"],
            "quantity": item["quantity"],
            "unit_price": products[item["product_id"]]["unit_price"],
            "line_total": item["quantity"] * products[item["product_id"]]["unit_price"],
        }
        for item in order["items"]
    ]
    return {
        "order_id": order["order_id"],
        "customer_id": customer["_id"],
        "customer_name": customer["name"],
        "placed_at": datetime.now(UTC).isoformat(),
        "currency": products[wanted[0]]["currency"],
        "items": lines,
        "total": sum(line["line_total"] for line in lines),
        "units": sum(line["quantity"] for line in lines),
        "shipping_address": order["shipping_address"],
    }


class Projections:
    """One method for each read model that wants to know of a placed order."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def order_summary(self, event: Document) -> None:
        summary = {
            "status": "pending",
            "customer_id": event["customer_id"],
            "customer_name": event["customer_name"],
            "total": event["total"],
            "currency": event["currency"],
            "item_count": len(event["items"]),
            "placed_at": datetime.fromisoformat(event["placed_at"]),
            "version": 1,
        }
        self._database.order_summary.update_one({"_id": event["order_id"]}, {"$set": summary}, upsert=True)

    def order_detail(self, event: Document) -> None:
        placed_at = datetime.fromisoformat(event["placed_at"])
        detail = {name: value for name, value in event.items() if name != "order_id"} | {
            "version": 1,
            "status": "pending",
            "item_count": len(event["items"]),
            "placed_at": placed_at,
            "updated_at": placed_at,
            "history": [{"status": "pending", "at": placed_at, "note": None}],
        }
        self._database.order_detail.update_one({"_id": event["order_id"]}, {"$set": detail}, upsert=True)

    def order_analytics(self, event: Document) -> None:
        day = event["placed_at"][:10]
        self._database.order_analytics.update_one(
            {"_id": f"{day}/{event['currency']}"},
            {
                "$inc": {
                    "orders": 1,
                    "units": event["units"],
                    "gross": event["total"],
                    "by_status.pending": 1,
                }
            },
            upsert=True,
        )

    def product_sales(self, event: Document) -> None:
        day = event["placed_at"][:10]
        self._database.product_sales.bulk_write(
            [
                UpdateOne(
                    {"_id": f"{day}/{line['product_id']}/{event['currency']}"},
                    {
                        "$set": {"day": day, "sold_as": line["product_name"]},
                        "$inc": {"units": line["quantity"], "gross": line["line_total"]},
                    },
                    upsert=True,
                )
                for line in event["items"]
            ],
            ordered=False,
        )

    def customers(self, event: Document) -> None:
        self._database.customers.update_one(
            {"_id": event["customer_id"]},
            {"$inc": {"orders": 1, f"spent.{event['currency']}": event["total"]}},
            upsert=True,
        )
