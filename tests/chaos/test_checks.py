"""Each thing that can be wrong with the inbox and the log is found, and under the right name."""

from typing import Any

import mongomock
import pytest
from pymongo.database import Database

from tests.chaos.checks import outcomes, positions
from tests.chaos.findings import Findings
from tests.chaos.request import Record, done, refused

RECORDS = [
    Record("k1", "c1", "customer-a", done(1)),
    Record("k2", "c2", "customer-a", done(2)),
    Record("k3", "c3", "customer-a", refused("id-taken")),
]
Found = tuple[int, int, int]


@pytest.fixture
def database() -> Database[dict[str, Any]]:
    """Two successes and a refusal, as they must be."""
    client: Any = mongomock.MongoClient()
    database: Database[dict[str, Any]] = client.write
    for seq in (1, 2):
        outcome = {"partition": 0, "seq": seq, "version": seq, "total": None, "rejection": None}
        database.commands.insert_one({"_id": f"c{seq}", "status": "succeeded", "outcome": outcome})
        database.commits.insert_one(
            {"partition": 0, "seq": seq, "command_id": f"c{seq}", "stream": "customer-a", "version": seq}
        )
    refusal: dict[str, Any] = {
        "partition": 0,
        "version": None,
        "total": None,
        "rejection": {"code": "id-taken"},
    }
    database.commands.insert_one({"_id": "c3", "status": "rejected", "outcome": {**refusal, "seq": 3}})
    refusal = {"status": "rejected", **refusal}
    database.commits.insert_one({"partition": 0, "seq": 3, "command_id": "c3", "outcome": refusal})
    return database


def found(database: Database[dict[str, Any]], records: list[Record] = RECORDS) -> Found:
    """How much is lost, doubled and different."""
    findings = Findings()
    outcomes.check(database, records, findings)
    positions.check(database, findings)
    return len(findings.lost), len(findings.doubled), len(findings.differences)


def test_nothing_is_found_where_all_is_well(database: Database[dict[str, Any]]) -> None:
    assert found(database) == (0, 0, 0)


def test_not_in_the_inbox(database: Database[dict[str, Any]]) -> None:
    database.commands.delete_one({"_id": "c1"})
    assert found(database) == (1, 0, 0)


def test_unfinished(database: Database[dict[str, Any]]) -> None:
    database.commands.update_one({"_id": "c2"}, {"$set": {"status": "accepted", "outcome": None}})
    assert found(database) == (1, 0, 0)


def test_finished_and_not_in_the_log(database: Database[dict[str, Any]]) -> None:
    database.commits.delete_one({"command_id": "c3"})
    assert found(database) == (1, 0, 0)


def test_failed(database: Database[dict[str, Any]]) -> None:
    database.commands.update_one({"_id": "c2"}, {"$set": {"status": "failed", "outcome.version": None}})
    database.commits.delete_one({"command_id": "c2"})
    assert found(database) == (0, 0, 2), "the outcome, and the hole"


def test_twice_in_the_log(database: Database[dict[str, Any]]) -> None:
    again = {"partition": 0, "seq": 4, "command_id": "c2", "stream": "customer-a", "version": 3}
    database.commits.insert_one(again)
    assert found(database) == (0, 1, 1), "and the inbox is right about one of them only"


def test_asked_for_by_nobody(database: Database[dict[str, Any]]) -> None:
    assert found(database, RECORDS[:-1]) == (0, 1, 0)


def test_one_command_for_two_keys(database: Database[dict[str, Any]]) -> None:
    assert found(database, [*RECORDS, Record("k4", "c1", "customer-a", done(1))]) == (0, 1, 0)


def test_out_of_turn(database: Database[dict[str, Any]]) -> None:
    swapped = [Record("k1", "c1", "customer-a", done(2)), Record("k2", "c2", "customer-a", done(1))]
    assert found(database, [*swapped, RECORDS[2]]) == (0, 0, 2)


def test_a_hole(database: Database[dict[str, Any]]) -> None:
    tombstone = {"partition": 0, "seq": 5}
    database.commits.insert_one(tombstone)
    assert found(database) == (0, 0, 1)


def test_a_version_left_out(database: Database[dict[str, Any]]) -> None:
    later = {"partition": 0, "seq": 4, "command_id": "c4", "stream": "customer-a", "version": 4}
    database.commits.insert_one(later)
    assert found(database) == (0, 1, 1), "and nobody asked for it"
