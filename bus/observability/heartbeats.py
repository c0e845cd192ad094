"""Heartbeats: the ``workers`` collection of the write database shows which processes live.

Each process has one document. It writes the document every 2 s and removes it when it stops. So the
document that a killed process leaves behind is seen to be old. The time in it is mongod's, so the
hosts' clocks do not matter. A beat that is ``SILENT_MS`` or more in the future, from before that
clock was put right, counts as old. MongoDB removes old documents by itself.
"""

import os
import socket
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.primitives.database_time import is_recent
from bus.version import VERSION

SILENT_MS = 10_000
"""The milliseconds of silence after which a process does not count as alive."""
FORGOTTEN_S = 300
"""The seconds of silence after which its document goes. Until then it shows what was lost, and
where."""

WORKERS = ("commands", "projections", "clock")
KINDS = ("web", *WORKERS)
"""The kinds of processes, named as in the Procfile."""

_INDEXES = (IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=FORGOTTEN_S, name="forgotten"),)


class Heartbeat:
    """The heartbeat of one process; one thread calls it."""

    def __init__(self, database: Database[StoredDocument], kind: str) -> None:
        self._workers = database["workers"]
        self._id = uuid.uuid4().hex
        self._facts = {"kind": kind, "host": socket.gethostname(), "pid": os.getpid(), "version": VERSION}
        self._indexed = False

    def beat(self) -> None:
        if not self._indexed:
            self._workers.create_indexes(list(_INDEXES))
            self._indexed = True
        lives = {**self._facts, "seen_at": "$$NOW", "started_at": {"$ifNull": ["$started_at", "$$NOW"]}}
        self._workers.update_one({"_id": self._id}, [{"$set": lives}], upsert=True)

    def end(self) -> None:
        self._workers.delete_one({"_id": self._id})


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was last heard; ``well`` unless it has been silent for too long."""

    kind: str
    host: str
    pid: int
    version: str
    started_at: datetime
    beat_age_s: float
    well: bool


def processes(database: Database[StoredDocument]) -> list[Process]:
    """Return all processes that are not forgotten, by kind, the oldest of each kind first."""
    aged = {
        "$set": {"age_ms": {"$subtract": ["$$NOW", "$seen_at"]}, "well": is_recent("$seen_at", SILENT_MS)}
    }
    order = {"$sort": {"kind": 1, "started_at": 1, "_id": 1}}
    return [
        Process(
            kind=stored["kind"],
            host=stored["host"],
            pid=stored["pid"],
            version=stored["version"],
            started_at=stored["started_at"],
            beat_age_s=max(0, stored["age_ms"]) / 1000,
            well=stored["well"],
        )
        for stored in database["workers"].aggregate([aged, order])
    ]


def alive(database: Database[StoredDocument]) -> Mapping[str, int]:
    """Return how many processes of each kind were heard lately."""
    heard = {"$expr": is_recent("$seen_at", SILENT_MS)}
    return Counter(str(stored["kind"]) for stored in database["workers"].find(heard, {"kind": True}))
