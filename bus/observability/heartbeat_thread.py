"""The heartbeats of a process: a thread records every 2 s that it lives and what it has counted.

It survives the loss of MongoDB: the next beat records what the last one could not, since counts are
running totals. The time of each beat is bounded, and so is the time of stopping.
"""

import threading
from contextlib import suppress
from typing import Protocol, Self

import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus.connections.clients import StoredDocument
from bus.observability.heartbeats import Heartbeat
from bus.observability.interruption import Interruption
from bus.observability.metric_slots import MetricsPublisher, Slots
from bus.observability.metrics import Metrics

BEAT_S = 2.0
BEAT_LIMIT_S = 1.5
LAST_BEAT_LIMIT_S = 0.4
STOP_S = 0.5
"""Processes have 4 s to stop, and most of that is for their work."""


class HeartbeatPart(Protocol):
    """A part of the heartbeats, which the thread calls at every beat."""

    def beat(self) -> None: ...

    def end(self) -> None:
        """Hear that the process stops in an orderly way."""


class HeartbeatThread:
    """Beats from start to stop; ``thread`` is for the code that watches over it."""

    def __init__(self, *parts: HeartbeatPart) -> None:
        self._parts = parts
        self._stopping = threading.Event()
        self._silence = Interruption("no heartbeat while MongoDB is away", "heartbeats again")
        self.thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    @classmethod
    def of(cls, database: Database[StoredDocument], kind: str, metrics: Metrics) -> Self:
        """Return the heartbeats of a process of one kind, with what it counts."""
        return cls(Heartbeat(database, kind), MetricsPublisher(Slots(database), metrics))

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Record the end of the process. A stop that goes wrong leaves what a kill would leave."""
        self._stopping.set()
        # If it is on, there is nobody to tell, and the last try may take longer than there is time.
        if not self._silence.is_on:
            self.thread.join(STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._beat()
            self._stopping.wait(BEAT_S)
        if not self._silence.is_on:
            with suppress(PyMongoError), pymongo.timeout(LAST_BEAT_LIMIT_S):
                for part in self._parts:
                    part.end()

    def _beat(self) -> None:
        with self._silence, pymongo.timeout(BEAT_LIMIT_S):
            for part in self._parts:
                part.beat()
