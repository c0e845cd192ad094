"""Looks at the queues at one moment: in Redis, and in the databases that they only hurry along.

Redis says what waits and is in flight; it keeps no count of what has passed. So the speed of a
queue is seen where its work is done, between two looks (``bus.inspection.figures``): for commands
in the inbox and the log, for a read model in its checkpoints. A look must change nothing. So
nothing here goes through Dramatiq's own script, because every call of that script is a heartbeat.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import redis
from pymongo.database import Database

from bus.connections.clients import CODEC, UNSETTLED, StoredDocument
from bus.dead_letters.diagnosis import decoded
from bus.dead_letters.failed_commands import FailedCommands
from bus.dead_letters.store import DeadLetters
from bus.inbox.gateway import COMMANDS_QUEUE
from bus.inbox.unfinished import count_unfinished
from bus.inspection.depths import QueueDepth, queue_depths
from bus.log.log import Log
from bus.messages.outcome import CommandStatus
from bus.notify.subscriptions import Subscriptions
from bus.queue.broker import HEARTBEAT_TIMEOUT_MS, Broker
from bus.queue.keys import HEARTBEATS, QueueKeys

MOST_OVERDUE = 10_000
"""The most unfinished commands that a look checks for being overdue; more are not counted."""


@dataclass(frozen=True, slots=True)
class QueueInspection:
    """One queue at one moment. ``came`` and ``done`` count since the beginning of the log."""

    waiting: int
    in_flight: int
    delayed: int
    dead: int
    """The dead letters: those in Redis that are not collected yet, and those kept in MongoDB."""
    oldest_s: float | None
    came: int
    done: int
    silent: int
    """The messages in flight with workers that have been silent for too long, or with no worker."""
    overdue: frozenset[str] = frozenset()
    """The ids of commands that are unfinished, overdue, and not on the queue."""
    behind: frozenset[tuple[int, int]] = frozenset()
    """The partitions, with their checkpoints, that are behind the log and have no bell."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """All queues at one moment; ``at`` is a monotonic time in seconds."""

    at: float
    queues: Mapping[str, QueueInspection]
    failed: int


class Inspector:
    """Looks at all queues: that of commands, and one for each read model that wants to be rung."""

    def __init__(
        self,
        client: redis.Redis,
        writes: Database[StoredDocument],
        reads: Database[StoredDocument],
        partitions: int,
        sweep_after_ms: int,
    ) -> None:
        self._client = client
        self._broker = Broker(client)
        self._writes = writes
        self._reads = reads
        self._log = Log(writes, partitions)
        self._letters = DeadLetters(writes)
        self._failed = FailedCommands(writes)
        self._sweep_after = timedelta(milliseconds=sweep_after_ms)

    def __call__(self) -> Inspection:
        """Look now; raise the errors of Redis and MongoDB while they are away."""
        models = sorted(Subscriptions(self._writes).names())
        kept = self._letters.count_kept()
        depths = {
            queue: replace(depth, dead=depth.dead + kept.get(queue, 0))
            for queue, depth in queue_depths(self._client, [COMMANDS_QUEUE, *models]).items()
        }
        silent = self._silent(depths)
        positions = self._positions(models)
        heads = self._log.heads()
        at = time.monotonic()
        queues = {COMMANDS_QUEUE: self._commands(depths[COMMANDS_QUEUE], silent[COMMANDS_QUEUE], sum(heads))}
        for model in models:
            queues[model] = self._read_model(model, depths[model], silent[model], heads, positions[model])
        return Inspection(at, queues, self._failed.count_open())

    def _commands(self, depth: QueueDepth, silent: int, decided: int) -> QueueInspection:
        waiting = {"status": CommandStatus.ACCEPTED.value}
        # As it is at the moment: what has left is shown for a while after that by a settled read.
        inbox = self._writes.commands.with_options(read_concern=UNSETTLED)
        backlog = count_unfinished(inbox)
        # By when they were accepted: their order is no age while it is ahead of the clock
        # (``bus.inbox.overdue``).
        now: datetime = self._writes.command("hello", codec_options=CODEC)["localTime"]
        oldest = inbox.find(waiting, {"envelope.accepted_at": True})
        since = {
            s["_id"]: s["envelope"]["accepted_at"] for s in oldest.sort("accepted_ts").limit(MOST_OVERDUE)
        }
        overdue = [command_id for command_id, at in since.items() if at < now - self._sweep_after]
        absent = self._broker.absent(COMMANDS_QUEUE, overdue) if overdue else []
        unfinished = inbox.find({**waiting, "_id": {"$in": absent}}, {"_id": True})
        return QueueInspection(
            waiting=depth.waiting,
            in_flight=depth.in_flight,
            delayed=depth.delayed,
            dead=depth.dead,
            oldest_s=_age(min(since.values()), now) if since else None,
            came=decided + backlog,
            done=decided,
            silent=silent,
            overdue=frozenset(stored["_id"] for stored in unfinished),
        )

    def _read_model(
        self,
        model: str,
        depth: QueueDepth,
        silent: int,
        heads: list[int],
        positions: Mapping[int, int],
    ) -> QueueInspection:
        behind = {
            (partition, position) for partition, position in positions.items() if position < heads[partition]
        }
        rung = self._rung(model) if behind else set()
        return QueueInspection(
            waiting=depth.waiting,
            in_flight=depth.in_flight,
            delayed=depth.delayed,
            dead=depth.dead,
            oldest_s=depth.first_s,
            came=sum(heads),
            done=sum(positions.values()),
            silent=silent,
            behind=frozenset(one for one in behind if one[0] not in rung),
        )

    def _silent(self, queues: Iterable[str]) -> dict[str, int]:
        """Return how many messages of each queue are in flight with silent workers or with none.

        All are counted at one moment.
        """
        workers = cast("list[tuple[bytes, float]]", self._client.zrange(HEARTBEATS, 0, -1, withscores=True))
        seconds, microseconds = self._client.time()  # which heartbeats are noted with
        silent_since = int(seconds) * 1000 + int(microseconds) // 1000 - HEARTBEAT_TIMEOUT_MS
        with self._client.pipeline(transaction=True) as pipeline:
            for queue in queues:
                keys = QueueKeys(queue)
                pipeline.llen(keys.waiting)
                pipeline.hlen(keys.messages)
                for worker, _ in workers:
                    pipeline.scard(keys.in_flight(worker.decode()))
                    pipeline.scard(keys.delayed.in_flight(worker.decode()))
            answers = iter(pipeline.execute())
        found = {}
        for queue in queues:
            waiting, messages = next(answers), next(answers)
            owed = [(heard, next(answers), next(answers)) for _, heard in workers]
            nobody_owes = max(0, messages - waiting - sum(own for _, own, _ in owed))
            silent = sum(own + later for heard, own, later in owed if heard < silent_since)
            found[queue] = silent + nobody_owes
        return found

    def _rung(self, queue: str) -> set[Any]:
        """Return the partitions that have a bell: waiting, in flight or delayed."""
        keys = QueueKeys(queue)
        payloads = [*self._client.hvals(keys.messages), *self._client.hvals(keys.delayed.messages)]
        bells = (decoded(payload) for payload in cast("Iterable[bytes]", payloads))
        return {bell.kwargs.get("partition") for bell in bells if bell is not None}

    def _positions(self, models: list[str]) -> Mapping[str, Mapping[int, int]]:
        """Return the checkpoints of each model's live generation, by partition.

        It looks at the read side's own collections as an operator would: the bus knows none of the
        read side's code.
        """
        live = {stored["_id"]: stored["live"] for stored in self._reads.read_models.find()}
        positions: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for stored in self._reads.checkpoints.find({"name": {"$in": models}}):
            if stored["generation"] == live.get(stored["name"]):
                positions[stored["name"]][stored["partition"]] = stored["position"]
        return positions


def _age(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
