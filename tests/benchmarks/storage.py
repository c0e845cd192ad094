"""What orders take in the databases.

Per order, for each collection, as documents, on disk, and in indexes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.database import Database

MIN_PER_ORDER = 0.5
"""Bytes: a collection that takes less does not grow with the orders."""

Taken = Mapping[str, Mapping[str, float]]


def bytes_per_order(databases: Iterable[Database[dict[str, Any]]], orders: int) -> Taken:
    """By collection, what grows with the orders."""
    taken = {}
    for database in databases:
        for collection in database.list_collection_names(filter={"type": "collection"}):
            stats = database.command("collStats", collection)
            sizes = {
                "documents": stats["size"],
                "on_disk": stats["storageSize"],
                "indexes": stats["totalIndexSize"],
            }
            if stats["size"] / orders >= MIN_PER_ORDER:
                taken[collection] = {kind: round(size / orders, 1) for kind, size in sizes.items()}
    return taken
