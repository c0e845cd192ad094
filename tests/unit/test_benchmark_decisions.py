"""What the benchmark reads of the inbox and the log, whether or not finished commands stay in the inbox."""

from typing import Any

import mongomock
import pytest

from tests.benchmarks import decisions
from tests.benchmarks.decisions import FinishedEntries

PLACED = {"command_id": "1", "stream": "order-1", "version": 1, "events": [{"type": "OrderPlaced"}]}
REFUSED = {"command_id": "2", "outcome": {"status": "rejected"}}
QUIET = {"command_id": "3", "outcome": {"status": "succeeded"}}
TOMBSTONE = {"partition": 0, "seq": 4}
OPEN = [
    {"_id": "5", "status": "accepted"},
    {"_id": "6", "status": "accepted"},
    {"_id": "7", "status": "failed"},
]
FINISHED = [
    {"_id": "1", "status": "succeeded"},
    {"_id": "2", "status": "rejected"},
    {"_id": "3", "status": "finished"},
]


@pytest.mark.parametrize("finished", [FINISHED, []], ids=["that stay", "that leave"])
def test_commands_are_counted_by_what_they_came_to(finished: list[dict[str, Any]]) -> None:
    database: Any = mongomock.MongoClient().shop
    database.commits.insert_many([dict(each) for each in (PLACED, REFUSED, QUIET, TOMBSTONE)])
    database.commands.insert_many([dict(each) for each in OPEN + finished])

    assert decisions.outcomes(database) == {"succeeded": 2, "rejected": 1, "accepted": 2, "failed": 1}
    assert decisions.undecided(database) == 2
    assert decisions.undecided(database, most=1) == 1
    assert decisions.orders_placed(database) == 1


@pytest.mark.parametrize(
    ("finished", "left", "entry_bytes", "expected"),
    [(100, 100, 520.0, 520.0), (100, 50, 520.0, 260.0), (100, 0, 0.0, 0.0), (0, 0, 0.0, 0.0)],
)
def test_the_inbox_takes_what_finished_entries_are_left_with(
    finished: int, left: int, entry_bytes: float, expected: float
) -> None:
    assert FinishedEntries(finished, left, entry_bytes).bytes_per_command == expected
