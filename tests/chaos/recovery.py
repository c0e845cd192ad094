"""How long the system takes to recover from a fault.

That is the time from the moment the fault had its effect until everything that had been accepted by then has
its outcome and is in every read model. "By then" is told by mongod: what it had accepted when it first
answers after that moment. So it includes an outage of mongod itself, the time for which nobody noticed a
dead worker, and other faults that came in between.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo import DESCENDING, MongoClient
from pymongo.errors import PyMongoError

from tests.chaos.cluster import Cluster

LOOK_S = 0.2
MONGO_MS = 2_000


@dataclass
class _Wound:
    kind: str
    began: float
    accepted_by: Timestamp | None = None
    heads: dict[int, int] | None = None
    """The heads of the log when the last of what was accepted had its outcome."""


class Recovery:
    """A thread that looks on. ``seconds`` are by kind of fault."""

    def __init__(self, cluster: Cluster) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(cluster.mongo_uri, timeoutMS=MONGO_MS)
        self._client = client
        self._write = client[cluster.write_database_name]
        self._read = client[cluster.read_database_name]
        self._open: list[_Wound] = []
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(10)
        self._client.close()

    def began(self, kind: str) -> None:
        """A fault of this kind has just had its effect."""
        with self._lock:
            self._open.append(_Wound(kind, time.monotonic()))

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def outstanding(self) -> list[str]:
        """The kinds of the faults that the system has not recovered from."""
        with self._lock:
            return [wound.kind for wound in self._open]

    def _watch(self) -> None:
        while not self._ending.wait(LOOK_S):
            with self._lock:
                wounds = list(self._open)
            try:
                healed = self._look(wounds) if wounds else []
            except PyMongoError:  # it is what was killed
                continue
            now = time.monotonic()
            with self._lock:
                for wound in healed:
                    self._open.remove(wound)
                    self.seconds[wound.kind].append(now - wound.began)

    def _look(self, wounds: list[_Wound]) -> list[_Wound]:
        now = self._client.admin.command("hello")["operationTime"]
        for wound in wounds:
            wound.accepted_by = wound.accepted_by or now
        oldest = self._write.commands.find_one({"status": "accepted"}, sort=[("accepted_ts", 1)])
        heads = self._heads()
        for wound in wounds:
            if wound.heads is None and _is_finished(wound, oldest):
                wound.heads = heads
        return [wound for wound in wounds if wound.heads is not None and self._is_shown(wound.heads)]

    def _heads(self) -> dict[int, int]:
        partitions = self._read.checkpoints.distinct("partition")
        return {partition: self._head(partition) for partition in partitions}

    def _head(self, partition: int) -> int:
        newest = self._write.commits.find_one({"partition": partition}, sort=[("seq", DESCENDING)])
        return newest["seq"] if newest else 0

    def _is_shown(self, heads: dict[int, int]) -> bool:
        return all(
            stored["position"] >= heads.get(stored["partition"], 0)
            for stored in self._read.checkpoints.find({}, {"partition": True, "position": True})
        )


def _is_finished(wound: _Wound, oldest: dict[str, Any] | None) -> bool:
    return oldest is None or (wound.accepted_by is not None and oldest["accepted_ts"] > wound.accepted_by)
