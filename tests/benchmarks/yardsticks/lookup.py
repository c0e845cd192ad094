"""Yardstick: a customer's newest orders computed from the write collection, by aggregation with ``$lookup``.

What one does who has the log and no read model. The customer's order commits are found by an index that
leads with the customer and holds the order of the answer; each order is taken at its newest version; the
twenty newest are kept, and only to those is the customer's current name joined, by the index that the log
has anyway. So it costs what the customer's orders are many.

``page_of_few`` is the same for whoever knows the data: it reads only so many commits from the newest on as
twenty orders can have at most, so its cost does not grow; it needs an index over the first event's type,
which only this question uses, and goes wrong once an event can place an order again. It leaves nothing out.
"""

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from bus.messages.streams import customer_stream, partition_of

Document = dict[str, Any]


def create_indexes(database: Database[Document]) -> None:
    by_customer = [("state.customer_id", ASCENDING), ("state.placed_at", DESCENDING), ("stream", DESCENDING)]
    database.commits.create_index(by_customer, name="by_customer")
    database.commits.create_index(
        by_customer, name="placed_by_customer", partialFilterExpression={"events.type": "OrderPlaced"}
    )


def page(database: Database[Document], partitions: int, customer_id: str, limit: int) -> list[Document]:
    """The newest orders with the customer's name, in the shape of ``GET /orders``."""
    pipeline: list[Document] = [
        {"$match": {"state.customer_id": customer_id, "state.placed_at": {"$exists": True}}},
        {"$sort": {"stream": ASCENDING, "version": DESCENDING}},
        {"$group": {"_id": "$stream", "state": {"$first": "$state"}, "version": {"$first": "$version"}}},
        {"$sort": {"state.placed_at": DESCENDING, "_id": DESCENDING}},
        {"$limit": limit},
        *_named(customer_id, partitions),
    ]
    return list(database.commits.aggregate(pipeline))


def page_of_few(
    database: Database[Document], partitions: int, customer_id: str, limit: int
) -> list[Document]:
    """The same, from the newest ``limit`` placings on, each looked up for its newest version."""
    pipeline: list[Document] = [
        {"$match": {"state.customer_id": customer_id, "events.type": "OrderPlaced"}},
        {"$sort": {"state.placed_at": DESCENDING, "stream": DESCENDING}},
        {"$limit": limit},
        {
            "$lookup": {
                "from": "commits",
                "let": {"partition": "$partition", "stream": "$stream"},
                "pipeline": [
                    {
                        "$match": {
                            "$expr": {
                                "$and": [
                                    {"$eq": ["$partition", "$$partition"]},
                                    {"$eq": ["$stream", "$$stream"]},
                                ]
                            },
                            "stream": {"$exists": True},
                        }
                    },
                    {"$sort": {"version": DESCENDING}},
                    {"$limit": 1},
                ],
                "as": "newest",
            }
        },
        {"$unwind": "$newest"},
        {"$project": {"_id": "$stream", "state": "$newest.state", "version": "$newest.version"}},
        *_named(customer_id, partitions),
    ]
    return list(database.commits.aggregate(pipeline, hint="placed_by_customer"))


def _named(customer_id: str, partitions: int) -> Sequence[Document]:
    """Join the customer's current name, and give the answer its shape."""
    stream = customer_stream(customer_id)
    return [
        {
            "$lookup": {
                "from": "commits",
                "pipeline": [
                    {"$match": {"partition": partition_of(stream, partitions), "stream": stream}},
                    {"$sort": {"version": DESCENDING}},
                    {"$limit": 1},
                    {"$project": {"_id": False, "name": "$state.name"}},
                ],
                "as": "customer",
            }
        },
        {
            "$project": {
                "_id": False,
                "order_id": "$state.order_id",
                "status": "$state.status",
                "customer_id": "$state.customer_id",
                "customer_name": {"$first": "$customer.name"},
                "total": "$state.total",
                "currency": "$state.currency",
                "item_count": {"$size": "$state.lines"},
                "placed_at": "$state.placed_at",
                "version": "$version",
            }
        },
    ]
