"""Doorbells that ring at awkward moments, over a real Redis: whatever is appended is taken in, unasked.

A worker is one message of a read model's queue, handled by the actor that the process has, and acknowledged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
import redis
from dramatiq import Message, Worker
from dramatiq.broker import MessageProxy
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.log.log import Log
from bus.notify import doorbells
from bus.notify.doorbells import Doorbells
from bus.queue.broker import Broker
from bus.queue.keys import QueueKeys
from read_side.generations.registry import FIRST
from read_side.projections.model import ReadModel
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector.answering import DoorbellHandler
from read_side.projector.catch_up import CatchUp, End, Run
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.projector import Projector
from read_side.projector.watchdog import PATIENCE, Watchdog
from read_side.worker import register_actor
from tests.integration.sides import NoRunners, ReadSide, WriteSide, order_id, partition
from tests.interleavings.protection import Protection, must, protected_by
from tests.interleavings.stopped import PATIENCE_S, stopped
from tests.support import messages
from tests.support.waiting import until

HOME = partition("c1")
NAME = ORDER_SUMMARY.name
COMES_BACK_MS = 200
"""After a held lease; the leases themselves are longer than any test."""

SHOWN = "what is appended is taken in, though nothing more is"
SHOWN_AT_ONCE = "a runner that leaves has taken in what was rung for while it was there"
COMES_BACK = "a bell that met a held lease rings again when the lease has ended"


@dataclass
class Shop:
    """A write side that rings for one read model, and a worker of that model."""

    write: WriteSide
    read: ReadSide
    bells: Doorbells
    broker: Broker

    def __post_init__(self) -> None:
        answer = DoorbellHandler(
            ORDER_SUMMARY,
            projector=self.read.projector,
            registry=self.read.registry,
            checkpoints=self.read.checkpoints,
            log=self.write.log,
            broker=self.broker,
            doorbells=self.bells,
            runners=NoRunners(),
            lease_ms=COMES_BACK_MS,
        )
        register_actor(self.broker, ORDER_SUMMARY, answer)
        self._consumer = self.broker.consume(NAME, prefetch=1)

    def beside(self, read_models: Database[StoredDocument]) -> "Shop":
        """Another process of the same shop."""
        read = ReadSide(self.write.log, read_models)
        return Shop(self.write, read, self.bells, Broker(self.broker.client))

    def append(self, number: int) -> None:
        """Commit something and ring for it."""
        self.write.do(messages.place_order(order_id=order_id("c1", number)))
        self.bells.ring([(NAME, HOME)])

    def work(self) -> bool:
        """Answer one bell; whether there was one."""
        message = next(self._consumer)
        if message is None:
            return False
        assert isinstance(message, MessageProxy)
        self.broker.get_actor(message.actor_name)(*message.args, **message.kwargs)
        self._consumer.ack(message)
        return True

    def work_off(self) -> None:
        while self.broker.client.llen(QueueKeys(NAME).waiting):
            self.work()

    @property
    def is_up_to_date(self) -> bool:
        return self.read.position(ORDER_SUMMARY, HOME) == self.write.log.head(HOME)


@pytest.fixture
def shop(
    database: Database[StoredDocument],
    read_models: Database[StoredDocument],
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    """Everything so far is taken in. Marks do not expire while a test runs, however slowly."""
    monkeypatch.setattr(doorbells, "MARK_TTL_MS", 600_000)
    write = WriteSide(database)
    write.create()
    read = ReadSide(write.log, read_models)
    read.create([ORDER_SUMMARY])
    for command in (
        messages.register_customer(),
        messages.add_product(),
        messages.add_product(product_id="p2"),
    ):
        write.do(command)
    read.drain([ORDER_SUMMARY])
    return Shop(write, read, Doorbells(client), Broker(client))


@contextmanager
def _answered_late() -> Iterator[None]:
    """The mark is cleared when the log has been read."""
    answer, run = Doorbells.answer, Projector.run
    unanswered: list[tuple[Doorbells, str, int]] = []

    def later(self: Doorbells, read_model: str, partition: int) -> None:
        unanswered.append((self, read_model, partition))

    def run_and_answer(self: Projector, model: ReadModel, generation: int, partition: int) -> Run:
        result = run(self, model, generation, partition)
        answer(*unanswered.pop())
        return result

    with (
        mock.patch.object(Doorbells, "answer", later),
        mock.patch.object(Projector, "run", run_and_answer),
    ):
        yield


def _one_id_for_all() -> Any:
    ring = doorbells.bell

    def bell(read_model: str, partition: int) -> Message[None]:
        same = f"{read_model}/{partition}"
        return ring(read_model, partition).copy(message_id=same, options={"redis_message_id": same})

    return mock.patch.object(doorbells, "bell", bell)


@protected_by(
    Protection("the answer before the read", SHOWN, _answered_late),
    Protection("a new id for each bell", SHOWN, _one_id_for_all),
)
def test_a_bell_rung_between_fetch_and_read(shop: Shop) -> None:
    """As late as it can be: the worker has read, has looked at the head for the last time, and leaves."""
    shop.append(1)
    with stopped(Log, "head", shop.work, after=True) as worker:
        shop.append(2)
        assert worker.go_on()
    shop.work_off()
    must(SHOWN, shop.is_up_to_date, expected=True)


def _one_look() -> Any:
    def run(self: Projector, model: ReadModel, generation: int, partition: int) -> Run:
        context = self._context
        lease = context.checkpoints.take(model.name, generation, partition, context.owner)
        if lease is None:
            return Run(End.HELD)
        try:
            return CatchUp(context, model, generation, partition, lease).run()
        finally:
            context.checkpoints.release(lease)

    return mock.patch.object(Projector, "run", run)


@protected_by(Protection("the look after the lease", SHOWN_AT_ONCE, _one_look))
def test_a_bell_rung_against_a_lease_that_is_about_to_end(
    shop: Shop, read_models: Database[StoredDocument]
) -> None:
    """Its holder has drained the log; the bell is answered by another, who can do nothing."""
    other = shop.beside(read_models)
    shop.append(1)
    with stopped(Checkpoints, "release", shop.work) as holder:
        shop.append(2)
        assert other.work()
        assert not shop.is_up_to_date
        assert holder.go_on()
    must(SHOWN_AT_ONCE, shop.is_up_to_date, expected=True)


@protected_by(
    Protection(
        "the bell for later",
        COMES_BACK,
        lambda: mock.patch.object(Broker, "enqueue_later", return_value=False),
    )
)
def test_a_bell_rung_against_the_lease_of_a_runner_that_was_killed(shop: Shop, client: redis.Redis) -> None:
    """Nobody is left to look once more."""
    assert shop.read.checkpoints.take(NAME, FIRST, HOME, "killed")
    shop.append(1)
    assert shop.work()
    must(COMES_BACK, client.llen(QueueKeys(NAME).delayed.waiting), 1)
    assert not shop.is_up_to_date
    shop.read.expire_leases()
    worker = Worker(shop.broker, queues={NAME}, worker_threads=1, worker_timeout=100)
    worker.start()
    try:
        until(lambda: shop.is_up_to_date, PATIENCE_S, COMES_BACK)
    finally:
        worker.stop()


@protected_by(
    Protection("the lookout", SHOWN, lambda: mock.patch.object(Watchdog, "_behind", return_value={}))
)
def test_a_bell_lost_with_redis(shop: Shop, client: redis.Redis) -> None:
    """It rang, and before it is fetched Redis loses all it has; nothing more is appended."""
    shop.append(1)
    client.flushall()
    watchdog = Watchdog(
        shop.write.log,
        shop.read.checkpoints,
        shop.bells,
        projected=lambda: {(NAME, FIRST)},
        poke=NoRunners().poke,
    )
    for _ in range(1 + PATIENCE):
        watchdog.look()
    shop.work_off()
    must(SHOWN, shop.is_up_to_date, expected=True)
