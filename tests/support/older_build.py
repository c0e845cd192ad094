"""What the first build would have stored: events and states in their first form."""

from typing import Any

from pymongo.database import Database

Stored = dict[str, Any]


def written_by_the_first_build(database: Database[Stored]) -> int:
    """Turn every commit of a log into the form of version 1; return how many had another."""
    turned = 0
    for commit in list(database.commits.find({"stream": {"$exists": True}})):
        events = [_first(event) for event in commit["events"]]
        older = {key: value for key, value in commit.items() if key != "state_v"} | {"events": events}
        turned += older != commit
        database.commits.replace_one({"_id": commit["_id"]}, older)
    return turned


def _first(event: Stored) -> Stored:
    data = dict(event["data"])
    if event["type"] == "OrderPlaced":
        assert data["customer_id"] is not None, "the first build knew no walk-in orders"
        data["lines"] = [_line(line) for line in data["lines"]]
    return {"type": event["type"], "v": 1, "data": data}


def _line(line: Stored) -> Stored:
    assert (line["list_price"], line["discount"]) == (line["unit_price"], 0), "nor other prices"
    return {key: value for key, value in line.items() if key not in {"list_price", "discount"}}
