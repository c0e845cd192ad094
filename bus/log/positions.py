"""The counter from which writers claim positions in the log.

``bus.log.log`` says why claims keep the order.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import cast

from pymongo import ReturnDocument, WriteConcern
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit, Decision


class HighestRead:
    """The highest position that one process has read in each partition. Safe for threads."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self._lock = threading.Lock()

    def note(self, partition: int, seq: int) -> None:
        with self._lock:
            if seq > self._positions.get(partition, 0):
                self._positions[partition] = seq

    def highest(self, partition: int) -> int:
        with self._lock:
            return self._positions.get(partition, 0)


class Positions:
    """The counter in one write database, a field for each partition.

    A claim does not wait for the disk.
    """

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._positions = database.get_collection("positions", write_concern=WriteConcern(w=1))

    def claim(self, decisions: Sequence[Decision], seen: HighestRead) -> list[Commit]:
        """Give each decision the next position of its partition, all in one step.

        The position is above all that was read in the partition, whatever the counter says.
        """
        counts = Counter(decision.partition for decision in decisions)
        claim = {str(p): _raised(f"${p}", seen.highest(p), count) for p, count in counts.items()}
        updated = self._positions.find_one_and_update(
            {"_id": "claimed"}, [{"$set": claim}], upsert=True, return_document=ReturnDocument.AFTER
        )
        counter = cast("StoredDocument", updated)
        following = {partition: counter[str(partition)] - count for partition, count in counts.items()}
        commits = []
        for decision in decisions:
            following[decision.partition] += 1
            commits.append(decision.at_position(following[decision.partition]))
        return commits


def _raised(counter: str, floor: int, count: int) -> StoredDocument:
    """Return the expression for a counter after a claim of ``count`` positions above ``floor``."""
    return {"$add": [{"$max": [{"$ifNull": [counter, 0]}, floor]}, count]}
