"""What the log says of commands, in the terms of a history; read as it is stored."""

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from tests.failover.history.history import Decided, Value

Documents = Mapping[str, Any]
_VALUES = {"product": "unit_price", "customer": "name"}
"""By kind of stream the field that others take over."""


def read(database: Database[dict[str, Any]]) -> Iterator[Decided]:
    """All commits that commands have made, without tombstones."""
    commits = database.get_collection("commits", read_concern=ReadConcern("majority"))
    for stored in commits.find({"command_id": {"$exists": True}}):
        yield _decided(stored)


def _decided(stored: Documents) -> Decided:
    outcome = stored.get("outcome")
    if stored.get("stream") is None:
        told: Documents = outcome or {}
        return Decided(
            stored["command_id"],
            told.get("stream", ""),
            stored["seq"],
            told.get("version"),
            effect=False,
            partition=stored["partition"],
        )
    kind = stored["stream"].partition("-")[0]
    state = stored.get("state") or {}
    return Decided(
        command_id=stored["command_id"],
        stream=stored["stream"],
        seq=stored["seq"],
        version=stored["version"],
        value=state.get(_VALUES.get(kind, "")),
        facts=_facts(stored.get("events", ())),
        partition=stored["partition"],
    )


def _facts(events: Any) -> dict[str, Value]:
    """Of an order that was placed, the prices and the name that it took over."""
    facts: dict[str, Value] = {}
    for event in events:
        if event["type"] == "OrderPlaced":
            data = event["data"]
            facts[f"customer-{data['customer_id']}"] = data["customer_name"]
            facts |= {f"product-{line['product_id']}": line["unit_price"] for line in data["lines"]}
    return facts
