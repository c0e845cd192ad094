"""``/ops/flow``: what goes through the system, from requests to read models, in one look.

It is made for a caller that asks every other second. It gives counters, and the caller makes rates
from their differences. A process looks once a second at most. While Redis is away, the answer says
so, and what is on the queue is not known. Without MongoDB there is nothing to tell.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import falcon
import pymongo
import redis
from pymongo.database import Database

from api.http import queries
from api.http.answers import answer
from api.ops.read_models import GenerationStatuses
from api.ops.recent import Recent
from api.ops.shapes import ApiFlow, CommandsFlow, Flow, LogFlow, ReadModelFlow, Rebuilding
from bus.connections.clients import StoredDocument
from bus.dead_letters.store import DeadLetters
from bus.inbox.gateway import COMMANDS_QUEUE
from bus.inbox.unfinished import unfinished
from bus.inspection.depths import QueueDepth, queue_depths
from bus.log.log import Log
from bus.messages.outcome import CommandStatus
from bus.observability import metrics
from bus.observability.heartbeats import Process, processes
from bus.observability.metric_slots import Slots
from bus.observability.metrics import MILLION, Counts, Family
from bus.primitives.cached import CachedValue, StampedePolicy
from read_side.generations.registry import State
from read_side.queries.status import MAX_LAG_S, GenerationStatus

LOOK_S = 1.5
"""The seconds for all questions to MongoDB in one look, except those about the read models.

Redis has its own bound.
"""
REDIS = "redis"


class FlowMeter:
    """Looks at the whole system when somebody asks."""

    def __init__(
        self,
        write: Database[StoredDocument],
        client: redis.Redis,
        log: Log,
        statuses: GenerationStatuses,
        kept_s: float,
    ) -> None:
        self._write = write
        self._client = client
        self._partitions = log.partitions
        self._statuses = statuses
        self._slots = Slots(write)
        self._letters = DeadLetters(write)
        self._recent = Recent((metrics.HANDLED, metrics.VISIBLE))
        self.look = CachedValue(self._look, kept_s, StampedePolicy.WAIT)

    def _look(self) -> Flow:
        statuses = self._statuses.look()
        with pymongo.timeout(LOOK_S):
            total = self._slots.total()
            self._recent.see(total)
            alive = processes(self._write)
            depth = self._depth()
            commands = self._commands(total, depth, alive)
        live = [status for status in statuses if status.state == "live"]
        log: LogFlow = {
            "commits": max((sum(p.head for p in one.partitions) for one in live), default=0),
            "partitions": self._partitions,
            "holes_closed": counted(total, metrics.HOLES_CLOSED),
        }
        return {
            "at": datetime.now(UTC),
            "away": [] if depth is not None else [REDIS],
            "api": _api(total, alive),
            "commands": commands,
            "log": log,
            "read_models": [self._read_model(one, statuses) for one in live],
            "processes": alive,
        }

    def _depth(self) -> QueueDepth | None:
        try:
            return queue_depths(self._client, [COMMANDS_QUEUE])[COMMANDS_QUEUE]
        except redis.RedisError:
            return None

    def _commands(self, total: Counts, depth: QueueDepth | None, alive: Sequence[Process]) -> CommandsFlow:
        inbox = unfinished(self._write)
        kept = self._letters.count_kept().get(COMMANDS_QUEUE, 0)
        return {
            "accepted": counted(total, metrics.COMMANDS_ACCEPTED),
            "succeeded": counted(total, metrics.COMMANDS, outcome=CommandStatus.SUCCEEDED),
            "rejected": counted(total, metrics.COMMANDS, outcome=CommandStatus.REJECTED),
            "failed": counted(total, metrics.COMMANDS, outcome=CommandStatus.FAILED),
            "handled_seconds": self._recent.percentiles(metrics.HANDLED),
            "unfinished": inbox.commands,
            "waiting": depth.waiting if depth else None,
            "in_flight": depth.in_flight if depth else None,
            "delayed": depth.delayed if depth else None,
            "dead": kept + (depth.dead if depth else 0),
            "failed_open": inbox.failed,
            "oldest_s": inbox.oldest_s if inbox.commands else None,
            "workers": _of_kind(alive, "commands"),
        }

    def _read_model(self, live: GenerationStatus, statuses: Sequence[GenerationStatus]) -> ReadModelFlow:
        lags = [one.lag_s for one in live.partitions if one.lag]
        return {
            "name": live.read_model,
            "generation": live.generation,
            "version": live.version,
            "lag": sum(one.lag for one in live.partitions),
            "lag_s": None if None in lags else max((lag for lag in lags if lag is not None), default=0.0),
            "applied": sum(one.position for one in live.partitions),
            "visible_seconds": self._recent.percentiles(metrics.VISIBLE, live.read_model),
            "parked": sum(one.parked for one in live.partitions),
            "attention": live.attention(MAX_LAG_S),
            "rebuilding": _rebuilding(live.read_model, statuses),
        }


def counted(total: Counts, family: Family, **where: str) -> int:
    """Return the sum of a counter over all its labels, or over those with the values ``where``."""
    at = {family.labels.index(label): value for label, value in where.items()}
    return sum(
        numbers[0]
        for (name, labels), numbers in total.items()
        if name == family.name and all(labels[place] == value for place, value in at.items())
    )


def _api(total: Counts, alive: Sequence[Process]) -> ApiFlow:
    durations = [numbers for (name, _), numbers in total.items() if name == metrics.HTTP_SECONDS.name]
    return {
        "requests": counted(total, metrics.HTTP_REQUESTS),
        "refused": counted(total, metrics.HTTP_REFUSED),
        "seconds_sum": sum(numbers[-1] for numbers in durations) / MILLION,
        "seconds_count": sum(sum(numbers[:-1]) for numbers in durations),
        "workers": _of_kind(alive, "web"),
    }


def _of_kind(alive: Sequence[Process], kind: str) -> int:
    return sum(process.well for process in alive if process.kind == kind)


def _rebuilding(name: str, statuses: Sequence[GenerationStatus]) -> Rebuilding | None:
    """Return the newest generation that is being filled; ``None`` if there is none."""
    building = [one for one in statuses if one.read_model == name and one.state == State.BUILDING.value]
    if not building:
        return None
    newest = max(building, key=lambda one: one.generation)
    return {
        "generation": newest.generation,
        "done": sum(one.position for one in newest.partitions),
        "total": sum(one.head for one in newest.partitions),
    }


class FlowSnapshot:
    """``/ops/flow``."""

    def __init__(self, meter: FlowMeter) -> None:
        self._meter = meter

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req, queries.NoQuery)
        answer(resp, self._meter.look())
