"""Read models as a database holds them: projected in memory, stored with their indexes."""

from typing import Any

from pymongo import IndexModel
from pymongo.collection import Collection

from bus.messages.registry import AnyEvent
from read_side.projections import by_name
from read_side.projections.model import Document
from tests.support import messages
from tests.support.messages import PLACED_AT, SECOND
from tests.unit.projecting import project


def fill(database: Any, name: str, *happened: AnyEvent) -> Collection[Document]:
    """The collection of a model, in a database of mongomock or pymongo."""
    model = by_name(name)
    filled: Collection[Document] = database[name]
    for index in model.indexes:
        only = {"partialFilterExpression": index.only} if index.only else {}
        filled.create_indexes([IndexModel(list(index.keys), **only)])
    for document in project(model, *happened).documents.values():
        filled.insert_one(document)
    return filled


def forty_among_many(database: Any) -> Collection[Document]:
    """The list of ``forty_orders``, and of 500 more: delivered, without a reference, placed in between."""
    filled = fill(database, "order_summary", *forty_orders())
    one = filled.find_one({"_id": "o02"}) or {}
    others = [
        {
            **one,
            "_id": f"x{number:03}",
            "customer_id": f"c{1 + number % 2}",
            "status": "delivered",
            "reference": None,
            "placed_at": PLACED_AT + number * SECOND / 50 + SECOND / 100,
        }
        for number in range(500)
    ]
    filled.insert_many(others)
    return filled


def forty_orders() -> list[AnyEvent]:
    """Of two customers, ``c1`` and ``c2``; four at a time in the same millisecond; every third confirmed.

    Every fifth has the reference ``PO 1`` and the one after it ``PO 2``.
    """
    happened: list[AnyEvent] = [
        messages.customer_registered(customer_id=customer, name=customer) for customer in ("c1", "c2", "c3")
    ]
    for number in range(40):
        order = {
            "order_id": f"o{number:02}",
            "customer_id": f"c{1 + number % 2}",
            "placed_at": PLACED_AT + number // 4 * SECOND,
        }
        reference = {0: "PO 1", 1: "PO 2"}.get(number % 5)
        happened.append(messages.order_placed(**order, reference=reference))
        if number % 3 == 0:
            happened.append(messages.order_confirmed(**order))
    happened.append(messages.customer_renamed(customer_id="c1"))
    return happened
