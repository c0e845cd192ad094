"""mongod's clock was an hour fast and is put right: that costs at most the configured times.

The clock is put right once for all tests here; each looks at another thing that was left behind by then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import redis
from pymongo import MongoClient
from pymongo.database import Database

from bus.connections.clients import CODEC, DURABLE, StoredDocument
from bus.inbox import attempts as attempts_module
from bus.inbox.attempts import Attempts
from bus.inbox.inbox import Inbox
from bus.inbox.unfinished import unfinished
from bus.inspection.snapshot import Inspector
from bus.messages.outcome import CommandStatus
from bus.messages.values import OrderStatus
from bus.observability.heartbeats import Heartbeat, alive, processes
from bus.observability.metric_slots import Slots
from bus.queue.broker import Broker
from bus.sweeper import Sweep
from read_side.generations.generations import Generations
from read_side.generations.registry import Registry
from read_side.projections.products import PRODUCTS
from read_side.projector.checkpoints import Checkpoints
from read_side.rebuild import rebuild_requests
from read_side.rebuild.rebuild_requests import RebuildRequests
from tests.integration.commands_queue import waiting
from tests.integration.sides import PARTITIONS, WriteSide, order_id
from tests.support import messages
from tests.support.skewed_mongod import SkewedMongod
from tests.support.waiting import until

HOUR_S = 3_600
LEASE_MS = 500
WAITED_S = 7
PATIENCE_S = 60
NAME = PRODUCTS.name
SHORT = mock.patch.multiple(rebuild_requests, START_MS=LEASE_MS, SILENCE_MS=LEASE_MS)
ALONE = mock.patch.object(attempts_module, "ALONE_MS", LEASE_MS)


@dataclass
class Left:
    """A database in which everybody died while mongod's clock was fast."""

    database: Database[StoredDocument]
    checkpoints: Checkpoints = field(init=False)
    generations: Generations = field(init=False)
    attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        self.checkpoints = Checkpoints(self.database, LEASE_MS)
        self.generations = Generations(self.database, lease_ms=LEASE_MS, retire_s=0.5, leave_s=0.5)
        with SHORT:
            self.requests = RebuildRequests(self.database, LEASE_MS)
        self.attempts = Attempts(self.database)
        self.shop = WriteSide(self.database)

    def now(self) -> datetime:
        now: datetime = self.database.command("hello", codec_options=CODEC)["localTime"]
        return now

    def while_fast(self) -> None:
        self.shop.create()
        Registry(self.database).create([PRODUCTS])
        self.checkpoints.create(NAME, 1, PARTITIONS)
        for partition in range(PARTITIONS):
            assert self.checkpoints.take(NAME, 1, partition, "dead")
        lease = self.generations.take(NAME, "dead")
        assert lease
        number = self.generations.begin(lease, 1)
        self.generations.finish(lease, number)
        self.generations.let_go(NAME, number)
        self.requests.create()
        assert self.requests.request(PRODUCTS, "ann")
        assert self.requests.take([PRODUCTS], "dead")
        Heartbeat(self.database, "clock").beat()
        Slots(self.database).adopt()
        self.shop.do(messages.register_customer(), command_id="customer", accepted_at=self.now())
        for product in ("p1", "p2"):
            self.shop.do(messages.add_product(product_id=product), command_id=product, accepted_at=self.now())
        placed = messages.place_order(order_id=order_id("c1"))
        self.shop.do(placed, command_id="placed", accepted_at=self.now())
        waits = messages.register_customer(customer_id="c2")
        self.shop.accept(waits, command_id="before", accepted_at=self.now())
        self.attempts.begin_all(["before"])
        assert self.attempts.begin_alone("before") == 0

    def put_right(self) -> None:
        since = self.now() - timedelta(seconds=WAITED_S)
        self.shop.accept(messages.register_customer(customer_id="c3"), command_id="after", accepted_at=since)


@pytest.fixture(scope="module")
def skewed_mongod(server_data: Path) -> Iterator[SkewedMongod]:
    with SkewedMongod(server_data / "skewed") as server:
        yield server


@pytest.fixture(scope="module")
def left(skewed_mongod: SkewedMongod) -> Iterator[Left]:
    client: MongoClient[StoredDocument] = MongoClient(skewed_mongod.uri, tz_aware=True)
    with client:
        left = Left(client.get_database("twofold", codec_options=CODEC, write_concern=DURABLE))
        skewed_mongod.set_ahead(HOUR_S)
        with ALONE:
            left.while_fast()
        skewed_mongod.set_ahead(0)
        left.put_right()
        yield left


def test_the_order_of_acceptance_goes_on(left: Left) -> None:
    places = {s["_id"]: s["accepted_ts"] for s in left.database.commands.find()}
    assert places["after"] == max(places.values())
    assert places["after"].as_datetime() > left.now() + timedelta(minutes=50), "it stands ahead of the clock"


def test_the_lease_of_a_dead_runner_is_over_after_its_time(left: Left) -> None:
    until(lambda: left.checkpoints.take(NAME, 1, 0, "next"), PATIENCE_S, "the lease")
    assert left.checkpoints.take(NAME, 1, 1, "next") is None, "it is shortened, not taken away"
    [stored] = left.database.checkpoints.find({"partition": 1})
    assert stored["expires_at"] <= left.now() + timedelta(milliseconds=LEASE_MS)
    assert not left.checkpoints.is_followed_by_others(NAME, 1, 1)


def test_the_lease_of_a_dead_rebuild_is_over_after_its_time(left: Left) -> None:
    until(lambda: left.generations.take(NAME, "next"), PATIENCE_S, "the lease")


def test_a_generation_that_was_let_go_is_gone_after_its_time(left: Left) -> None:
    def is_gone() -> bool:
        left.generations.move_on(NAME, 2)
        return left.generations.entry(NAME).generations[2].state.value == "gone"

    until(is_gone, PATIENCE_S, "the generation is gone")


def test_the_request_of_a_dead_rebuild_is_taken_after_its_time(left: Left) -> None:
    until(lambda: left.requests.take([PRODUCTS], "next"), PATIENCE_S, "the request")


@ALONE
def test_an_attempt_made_alone_is_over_after_its_time(left: Left) -> None:
    assert left.attempts.are_quiet("before")
    deaths = until(lambda: left.attempts.begin_alone("before"), PATIENCE_S, "the lease")
    assert deaths == 1


def test_a_dead_process_is_not_alive_and_its_slot_is_adopted(left: Left) -> None:
    assert alive(left.database) == {}
    [process] = processes(left.database)
    assert (process.well, process.beat_age_s) == (False, 0.0)
    [before] = left.database.metrics.find()
    assert Slots(left.database).adopt().id == before["_id"]


def test_the_sweep_finds_what_is_lost(left: Left, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        sweep = Sweep(left.database, Inbox(left.database, PARTITIONS), Broker(client), after_ms=1_000)
        assert sweep() == 0, "what was seen just now is given its time"
        assert until(sweep, PATIENCE_S, "the sweep") == 2
        assert waiting(client) == ["before", "after"]


def test_ages_are_by_the_clock_as_it_is_now(left: Left, redis_url: str) -> None:
    assert WAITED_S <= unfinished(left.database).oldest_s < HOUR_S
    with redis.Redis.from_url(redis_url) as client:
        shown = Inspector(client, left.database, left.database, PARTITIONS, 5_000)().queues["commands"]
    assert shown.oldest_s is not None
    assert WAITED_S <= shown.oldest_s < HOUR_S
    assert shown.overdue == {"after"}


@pytest.mark.parametrize("given", [None, timedelta(0), -timedelta(seconds=5)])
def test_an_order_goes_on(left: Left, given: timedelta | None) -> None:
    """It was placed in what is the future by now."""
    status = {None: OrderStatus.CONFIRMED, timedelta(0): OrderStatus.SHIPPED}.get(
        given, OrderStatus.DELIVERED
    )
    command: Any = messages.change_order_status(
        status, order_id=order_id("c1"), occurred_at=None if given is None else left.now() + given
    )
    outcome = left.shop.do(command, command_id=f"to {status}", accepted_at=left.now())
    assert outcome.status is CommandStatus.SUCCEEDED, outcome.rejection
