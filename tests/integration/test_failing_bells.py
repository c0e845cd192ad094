"""Bells of a partition that fails: one waits to be tried again, however many ring, and nobody is slowed."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from dramatiq import Worker
from dramatiq.broker import MessageProxy
from dramatiq.common import current_millis

from bus.connections.clients import read_database, redis_client, write_database
from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.queue import broker as our_broker
from bus.queue import retries
from bus.queue.broker import Broker
from bus.queue.consumer import BlockingConsumer
from bus.queue.keys import HEARTBEATS, QueueKeys
from bus.settings import Settings
from read_side.generations.registry import FIRST, Registry
from read_side.projections.model import ReadModel
from read_side.projections.products import PRODUCTS
from read_side.projector.answering import DoorbellHandler
from read_side.projector.catch_up import End, Run
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.pauses import Pauses
from read_side.worker import register_actor
from tests.integration.sides import NoRunners
from tests.support.waiting import until

NAME = PRODUCTS.name
KEYS = QueueKeys(NAME)
PATIENCE_S = 60.0
PAUSE_MS = 300
LONG_MS = 1_200_000
"""A pause that does not end within a test, however slow the machine is."""
SICK, WELL = 0, 1


class Projected:
    """A projector that fails in one partition for as long as there is a fault."""

    def __init__(self) -> None:
        self.fault: Exception | None = ValueError("the batch cannot be loaded")
        self.end = Run(End.DRAINED)
        self.runs: Counter[int] = Counter()
        self.most_delayed = 0
        self.look: Callable[[], int] = lambda: 0
        self._lock = threading.Lock()

    def run(self, _model: ReadModel, _generation: int, partition: int) -> Run:
        with self._lock:
            self.runs[partition] += 1
            fault, end = self.fault, self.end
        self.most_delayed = max(self.most_delayed, self.look())
        if partition == SICK and fault is not None:
            raise fault
        return end if partition == SICK else Run(End.DRAINED)

    def mend(self) -> int:
        """Let every run that begins from now on go well; return how many of the sick partition did not."""
        with self._lock:
            self.fault, self.end = None, Run(End.DRAINED)
            return self.runs[SICK]


class Shop:
    """One read model, its bells and its workers."""

    def __init__(self, settings: Settings, client: redis.Redis) -> None:
        reads, writes = read_database(settings), write_database(settings)
        self.databases = reads, writes
        self.client = client
        self.log = Log(writes, settings.log_partitions)
        self.log.create()
        self.registry = Registry(reads)
        self.registry.create([PRODUCTS])
        self.checkpoints = Checkpoints(reads)
        self.checkpoints.create(NAME, FIRST, settings.log_partitions)
        self.bells = Doorbells(client)
        self.projected = Projected()
        self.projected.look = self.delayed

    def broker(self) -> Broker:
        """A process's, with its actor."""
        broker = Broker(self.client)
        either: object = self.projected
        answering = DoorbellHandler(
            PRODUCTS,
            projector=either,  # type: ignore[arg-type]
            registry=self.registry,
            checkpoints=self.checkpoints,
            log=self.log,
            broker=broker,
            doorbells=self.bells,
            runners=NoRunners(),
            lease_ms=PAUSE_MS,
        )
        register_actor(broker, PRODUCTS, answering)
        return broker

    def delayed(self) -> int:
        return int(self.client.hlen(KEYS.delayed.messages))

    def ring(self, partition: int) -> None:
        """Ring as a commit does, and wait until it is heard."""
        self.bells.ring([(NAME, partition)])
        until(lambda: not self.client.exists(f"twofold:bell:{NAME}:{partition}"), PATIENCE_S, "it is heard")


def _pause_for(patch: pytest.MonkeyPatch, least_ms: int) -> None:
    patch.setattr(retries, "MIN_BACKOFF_MS", least_ms)
    patch.setattr(retries, "MAX_BACKOFF_MS", 2 * least_ms)


@pytest.fixture
def shop(redis_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    _pause_for(monkeypatch, PAUSE_MS)
    with redis_client(settings) as client:
        shop = Shop(settings, client)
        yield shop
        for database in shop.databases:
            database.client.close()


@contextmanager
def _working(broker: Broker) -> Iterator[None]:
    worker = Worker(broker, queues={NAME}, worker_threads=2, worker_timeout=100)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def test_they_do_not_multiply_and_slow_nobody(shop: Shop) -> None:
    projected = shop.projected
    with _working(shop.broker()):
        rung = 0
        while projected.runs[SICK] < 4:
            shop.ring(SICK)
            shop.ring(WELL)
            rung += 1
        until(lambda: projected.runs[WELL] >= rung, PATIENCE_S, "every bell of the other one is a run")
        assert projected.most_delayed <= 1
        before = projected.mend()
        until(lambda: projected.runs[SICK] > before, PATIENCE_S, "it is tried again, though nobody rings")
        until(lambda: not shop.delayed(), PATIENCE_S, "and that was all")


def test_in_its_pause_they_leave_the_failing_one_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _pause_for(monkeypatch, LONG_MS)
    with _working(shop.broker()):
        shop.ring(SICK)
        until(shop.delayed, PATIENCE_S, "it waits to be tried again")
        for _ in range(20):
            shop.ring(SICK)
        until(lambda: not shop.client.hlen(KEYS.messages), PATIENCE_S, "every bell has been answered")
        assert (shop.projected.runs[SICK], shop.delayed()) == (1, 1)


@pytest.mark.parametrize("end", [Run(End.HELD), Run(End.GAP, 0.2)], ids=lambda run: str(run.end.value))
def test_nor_do_those_that_meet_a_lease_or_a_hole(shop: Shop, end: Run) -> None:
    projected = shop.projected
    projected.fault, projected.end = None, end
    with _working(shop.broker()):
        while projected.runs[SICK] < 30:
            shop.ring(SICK)
        assert projected.most_delayed <= 1
        before = projected.mend()
        until(lambda: projected.runs[SICK] > before, PATIENCE_S, "it rings again, though nobody else does")
        until(lambda: not shop.delayed(), PATIENCE_S, "and that was all")


def test_the_only_one_of_a_worker_that_is_killed_comes_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed with the delayed bell in its hand, and the bell is due afterwards."""
    killed = shop.broker()
    _pause_for(monkeypatch, LONG_MS)
    with _working(killed):
        shop.ring(SICK)
        until(shop.delayed, PATIENCE_S, "it waits to be tried again")
    held = next(killed.consume(KEYS.delayed.queue_name, prefetch=1))
    assert held is not None
    due = held.copy(options={"eta": current_millis()})
    shop.client.hset(KEYS.delayed.messages, held.options["redis_message_id"], due.encode())
    shop.client.zadd(HEARTBEATS, {killed.broker_id: current_millis() - our_broker.HEARTBEAT_TIMEOUT_MS - 1})
    before = shop.projected.mend()
    with _working(shop.broker()):
        until(lambda: shop.projected.runs[SICK] > before, PATIENCE_S, "another one has it")
        until(lambda: not shop.delayed(), PATIENCE_S, "and that was all")


def test_one_that_is_due_is_never_delayed_and_on_its_queue_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that is handled and fails before the delayed one was acknowledged would find it, and be lost."""
    # A pause of the process would delay the copy once more, and here nobody is free to see that it is due.
    monkeypatch.setattr(Pauses, "left_ms", lambda _self, _place: 0)
    broker = shop.broker()
    settled = threading.Event()
    acknowledge = BlockingConsumer.ack

    def late(self: BlockingConsumer, message: MessageProxy) -> None:
        if self._delays:
            assert settled.wait(PATIENCE_S)
        acknowledge(self, message)

    with pytest.MonkeyPatch.context() as patch, _working(broker):
        patch.setattr(BlockingConsumer, "ack", late)
        shop.ring(SICK)
        try:
            until(lambda: shop.projected.runs[SICK] > 1, PATIENCE_S, "the retry fails too")
            until(shop.delayed, PATIENCE_S, "and waits again, though the first is not acknowledged")
        finally:
            settled.set()
        before = shop.projected.mend()
        until(lambda: shop.projected.runs[SICK] > before, PATIENCE_S, "it is not lost")
