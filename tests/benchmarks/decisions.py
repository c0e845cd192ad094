"""What the benchmark reads of the inbox and of the log's outcomes. All of it is here, since formats change.

Four things are taken for granted, of every revision that is measured: an entry of the inbox whose ``status``
is ``accepted`` has no outcome yet, one whose status is ``failed`` waits for an operator, every other one is
finished; and every decision in the log has its ``command_id``, with an ``outcome`` unless it is a commit
that succeeded.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

Stored = dict[str, Any]
ACCEPTED, FAILED, SUCCEEDED = "accepted", "failed", "succeeded"


def undecided(database: Database[Stored], most: int = 2**31 - 1) -> int:
    """How many commands have no outcome yet; no more than ``most`` are counted."""
    return database.commands.count_documents({"status": ACCEPTED}, limit=most)


def outcomes(database: Database[Stored]) -> Counter[str]:
    """How many commands there are by what they came to; ``accepted`` are those without an outcome."""
    counted: Counter[str] = Counter()
    by_log: list[Stored] = [
        {"$match": {"command_id": {"$exists": True}}},
        {"$group": {"_id": {"$ifNull": ["$outcome.status", SUCCEEDED]}, "n": {"$sum": 1}}},
    ]
    for group in database.commits.aggregate(by_log):
        counted[group["_id"]] += group["n"]
    for status in (ACCEPTED, FAILED):
        if left := database.commands.count_documents({"status": status}):
            counted[status] += left
    return counted


def orders_placed(database: Database[Stored]) -> int:
    return database.commits.count_documents({"events.type": "OrderPlaced"})


@dataclass(frozen=True, slots=True)
class FinishedEntries:
    """The entries of finished commands that the inbox still has."""

    finished: int
    """Commands that are finished, by the log."""
    left: int
    """Those of them that are still in the inbox."""
    entry_bytes: float
    """What an entry of the inbox takes on disk, with its part of the indexes; 0 if it has none."""

    @property
    def bytes_per_command(self) -> float:
        """Space that a file has given back to its collection, for new entries, is not counted."""
        return self.entry_bytes * self.left / self.finished if self.finished else 0.0


def finished_entries(database: Database[Stored]) -> FinishedEntries:
    stats = database.command("collStats", "commands")
    there = stats["count"]
    return FinishedEntries(
        finished=database.commits.count_documents({"command_id": {"$exists": True}}),
        left=database.commands.count_documents({"status": {"$nin": [ACCEPTED, FAILED]}}),
        entry_bytes=(stats["storageSize"] + stats["totalIndexSize"]) / there if there else 0.0,
    )
