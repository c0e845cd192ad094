"""The figures that the databases know, looked up when somebody asks for the metrics.

Each part is asked on its own, in bounded time. If a part is away, its figures are missing, and the
answer says so. The figures are kept for a second, so that many monitoring systems cost the
databases no more than one.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pymongo
import redis
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus.connections.clients import StoredDocument
from bus.dead_letters.store import DeadLetters
from bus.inbox.gateway import COMMANDS_QUEUE
from bus.inbox.unfinished import unfinished
from bus.inspection.depths import queue_depths
from bus.log.log import Log
from bus.observability.heartbeats import KINDS, alive
from bus.observability.logs import logger
from bus.primitives.cached import CachedValue, StampedePolicy
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.store import ReadStore

MONGODB_S = 1.5
"""The seconds for all questions to MongoDB in one look.

Together with Redis's own bound it is shorter than a scraper waits.
"""
KEPT_S = 1.0

Part = Callable[[], Iterable[Metric]]


class Gauges:
    """Asks named parts. ``ok`` says for each part whether it answered when it was last asked."""

    def __init__(
        self,
        parts: Mapping[str, Part],
        *,
        limit_s: float,
        kept_s: float = 0,
        others: StampedePolicy = StampedePolicy.LOOK_TOO,
    ) -> None:
        self._parts = parts
        self._limit_s = limit_s
        self.ok: Mapping[str, bool] = {}
        self.collect = CachedValue(self._look, kept_s, others)

    def _look(self) -> Sequence[Metric]:
        found: list[Metric] = []
        ok = {}
        with pymongo.timeout(self._limit_s):
            for name, part in self._parts.items():
                try:
                    found += part()
                    ok[name] = True
                except (PyMongoError, redis.RedisError) as error:
                    ok[name] = False
                    if self.ok.get(name, True):
                        logger.warning("metrics lack a part", part=name, error=error)
        self.ok = ok
        return found


def parts(  # noqa: PLR0913, PLR0917 - one for each thing that is asked
    write: Database[StoredDocument],
    client: redis.Redis,
    log: Log,
    store: ReadStore,
    checkpoints: Checkpoints,
    parking: Parking,
) -> Mapping[str, Part]:
    """Return the parts of the real system; first those in MongoDB: Redis has a bound of its own."""
    names = [model.name for model in READ_MODELS]
    return {
        "processes": lambda: _processes(write),
        "inbox": lambda: _inbox(write),
        "projections": lambda: _projections(names, log, store, checkpoints, parking),
        "queues": lambda: _queues(client, [COMMANDS_QUEUE, *names]),
    }


def _processes(write: Database[StoredDocument]) -> Iterator[Metric]:
    found = alive(write)
    family = GaugeMetricFamily("twofold_processes", "Processes with a fresh heartbeat.", labels=["kind"])
    for kind in KINDS:
        family.add_metric([kind], found.get(kind, 0))
    yield family


def _inbox(write: Database[StoredDocument]) -> Iterator[Metric]:
    figures = unfinished(write)
    yield _gauge("twofold_commands_unfinished", "Accepted commands without an outcome.", figures.commands)
    yield _gauge(
        "twofold_commands_oldest_unfinished_age_seconds", "Since the oldest was accepted.", figures.oldest_s
    )
    yield _gauge("twofold_commands_failed", "Commands that are kept for an operator.", figures.failed)
    letters = GaugeMetricFamily("twofold_dead_letters", "Messages kept for an operator.", labels=["queue"])
    kept = DeadLetters(write).count_kept()
    for queue in {COMMANDS_QUEUE, *kept}:
        letters.add_metric([queue], kept.get(queue, 0))
    yield letters


def _queues(client: redis.Redis, names: Sequence[str]) -> Iterator[Metric]:
    messages = GaugeMetricFamily(
        "twofold_queue_messages",
        "Messages by where they are: waiting, in_flight, delayed, or dead and not collected yet.",
        labels=["queue", "state"],
    )
    ages = GaugeMetricFamily(
        "twofold_queue_oldest_age_seconds", "Since the first that waits was put there.", labels=["queue"]
    )
    for name, depth in queue_depths(client, names).items():
        for state in ("waiting", "in_flight", "delayed", "dead"):
            messages.add_metric([name, state], getattr(depth, state))
        ages.add_metric([name], depth.oldest_s)
    yield from (messages, ages)


def _projections(
    names: Sequence[str], log: Log, store: ReadStore, checkpoints: Checkpoints, parking: Parking
) -> Iterator[Metric]:
    where = ["read_model", "partition"]
    head = GaugeMetricFamily("twofold_log_position", "The highest position in the log.", labels=["partition"])
    position = GaugeMetricFamily("twofold_projection_position", "How far it has read.", labels=where)
    lag = GaugeMetricFamily("twofold_projection_lag_commits", "How much it has still to read.", labels=where)
    lag_s = GaugeMetricFamily(
        "twofold_projection_lag_seconds", "Since the first it has still to read was accepted.", labels=where
    )
    parked = GaugeMetricFamily("twofold_parked_streams", "Streams that are set aside.", labels=["read_model"])

    live = {name: store.generation(name) for name in names}
    positions = checkpoints.positions()  # before the heads, so that no lag is below 0
    heads = {partition: log.head(partition) for partition in range(log.partitions)}
    since: dict[tuple[int, int], float] = {}
    set_aside = parking.counts()
    for partition, highest in heads.items():
        head.add_metric([str(partition)], highest)
    for name, generation in live.items():
        parked.add_metric([name], set_aside.get((name, generation), 0))
        for partition, highest in heads.items():
            labels = [name, str(partition)]
            at = positions.get((name, generation, partition), 0)
            if at < highest and (partition, at) not in since:
                accepted = log.accepted_after(partition, at)
                since[partition, at] = time.time() - accepted.timestamp() if accepted else 0.0
            position.add_metric(labels, at)
            lag.add_metric(labels, max(0, highest - at))
            lag_s.add_metric(labels, max(0.0, since[partition, at]) if at < highest else 0.0)
    yield from (head, position, lag, lag_s, parked)


def _gauge(name: str, help_: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_, value=value)
