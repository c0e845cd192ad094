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
    """Two successes and a refusal, as they must be: what is finished has left the inbox."""
    client: Any = mongomock.MongoClient()
    database: Database[dict[str, Any]] = client.write
    for seq in (1, 2):
        database.commits.insert_one(
            {"partition": 0, "seq": seq, "command_id": f"c{seq}", "stream": "customer-a", "version": seq}
        )
    rejection = {"kind": "conflict", "code": "id-taken", "detail": "There is one."}
    refusal = {"status": "rejected", "stream": "customer-a", "partition": 0, "rejection": rejection}
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


def test_neither_in_the_inbox_nor_in_the_log(database: Database[dict[str, Any]]) -> None:
    database.commits.update_one({"command_id": "c3"}, {"$unset": {"command_id": True, "outcome": True}})
    assert found(database) == (1, 0, 0)


@pytest.mark.parametrize("status", ["accepted", "failed"])
def test_in_the_inbox_and_not_in_the_log(database: Database[dict[str, Any]], status: str) -> None:
    database.commands.insert_one({"_id": "c3", "status": status, "outcome": None})
    database.commits.update_one({"command_id": "c3"}, {"$unset": {"command_id": True, "outcome": True}})
    assert found(database) == (1, 0, 0)


def test_done_and_left_in_the_inbox(database: Database[dict[str, Any]]) -> None:
    database.commands.insert_one({"_id": "c2", "status": "accepted", "outcome": None})
    assert found(database) == (1, 0, 0)


def test_it_came_to_something_else(database: Database[dict[str, Any]]) -> None:
    database.commits.update_one({"command_id": "c3"}, {"$set": {"outcome.rejection.code": "unknown"}})
    assert found(database) == (0, 0, 1)


def test_twice_in_the_log(database: Database[dict[str, Any]]) -> None:
    again = {"partition": 0, "seq": 4, "command_id": "c2", "stream": "customer-a", "version": 3}
    database.commits.insert_one(again)
    assert found(database) == (0, 1, 0)


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
