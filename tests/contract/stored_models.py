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


def forty_orders() -> list[AnyEvent]:
    """Of two customers, ``c1`` and ``c2``; four at a time in the same millisecond; every third confirmed."""
    happened: list[AnyEvent] = [
        messages.customer_registered(customer_id=customer, name=customer) for customer in ("c1", "c2", "c3")
    ]
    for number in range(40):
        order = {
            "order_id": f"o{number:02}",
            "customer_id": f"c{1 + number % 2}",
            "placed_at": PLACED_AT + number // 4 * SECOND,
        }
        happened.append(messages.order_placed(**order))
        if number % 3 == 0:
            happened.append(messages.order_confirmed(**order))
    happened.append(messages.customer_renamed(customer_id="c1"))
    return happened
