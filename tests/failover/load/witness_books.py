"""What witnesses asked for, with the outcomes that only the log knows: several of them write one stream."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from tests.chaos.books import Books, Customer, Order, Product
from tests.chaos.request import Record, done
from tests.failover.load.witness import Witness

Documents = Mapping[str, Any]


def settled(database: Database[dict[str, Any]], witnesses: Iterable[Witness]) -> tuple[list[Record], Books]:
    """Their records and books. A command that is not in the log has an expectation that nothing meets."""
    records = [record for witness in witnesses for record in witness.records]
    where = {"command_id": {"$in": [record.command_id for record in records]}}
    log = {stored["command_id"]: stored for stored in database.commits.find(where).sort("version", ASCENDING)}
    books = Books()
    changes = [stored for stored in log.values() if stored.get("stream") is not None]
    for stored in sorted(
        changes, key=lambda one: _placed(one) is not None
    ):  # each customer before its orders
        _enter(books, stored)
    return [_expecting(record, log.get(record.command_id, {})) for record in records], books


def _expecting(record: Record, stored: Documents) -> Record:
    placed = _placed(stored)
    return replace(record, expected=done(stored.get("version", 0), placed["total"] if placed else None))


def _enter(books: Books, stored: Documents) -> None:
    kind, _, identity = stored["stream"].partition("-")
    state, version = stored["state"], stored["version"]
    if kind == "customer":
        books.customers[identity] = Customer(identity, state["name"], state["email"], version)
    elif kind == "product":
        books.products[identity] = Product(
            identity, state["name"], state["unit_price"], state["currency"], state["discontinued"], version
        )
    elif placed := _placed(stored):
        customer = books.customers[placed["customer_id"]]
        lines = tuple(
            (line["product_id"], line["quantity"], line["quantity"] * line["unit_price"] - line["discount"])
            for line in placed["lines"]
        )
        discounts = {line["product_id"]: line["discount"] for line in placed["lines"]}
        books.orders[identity] = Order(identity, customer, placed["currency"], lines, discounts=discounts)


def _placed(stored: Documents) -> Documents | None:
    """What the event of a placed order says."""
    events = stored.get("events", ())
    return next((event["data"] for event in events if event["type"] == "OrderPlaced"), None)
