"""Runners in their threads on a real Redis: nothing rings, everything is shown, whatever Redis loses."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis

from bus.connections.clients import read_database, redis_client, write_database
from bus.messages.values import OrderStatus
from bus.notify import doorbells
from bus.notify.doorbells import Doorbells
from bus.notify.notifier import APPENDS, Notifier
from bus.notify.subscriptions import Subscriptions
from bus.queue.keys import QueueKeys
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.generations.registry import FIRST
from read_side.projections import READ_MODELS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projector import joint_pass
from read_side.projector.runners import Runners
from read_side.projector.watchdog import PATIENCE, Watchdog
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.support import messages
from tests.support.waiting import until
from write_side.handling.announcer import RedisAnnouncer

HOME = partition("c1")
O1 = order_id("c1")
NAMES = tuple(model.name for model in READ_MODELS)
PATIENCE_S = 60.0


class Shop:
    """A write side that tells its appends over Redis, and a process that projects."""

    def __init__(self, settings: Settings, client: redis.Redis) -> None:
        self.client = client
        writes, reads = write_database(settings), read_database(settings)
        self.databases = writes, reads
        self.write = WriteSide(writes)
        self.write.create()
        subscriptions = Subscriptions(writes)
        subscriptions.subscribe(NAMES)
        self.bells = Doorbells(client)
        self.announcer = RedisAnnouncer(client, self.bells, subscriptions)
        self.read = ReadSide(self.write.log, reads)
        self.read.create()
        self.stopping = threading.Event()
        context = replace(self.read.context, stopping=self.stopping)
        self.runners = Runners(context, READ_MODELS, self.bells, Notifier(client, APPENDS))
        for command in (
            messages.register_customer(),
            messages.add_product(),
            messages.add_product(product_id="p2"),
            messages.place_order(order_id=O1),
        ):
            self.write.do(command)

    def set_status(self, status: OrderStatus, *, tell: bool = True) -> None:
        self.write.do(messages.change_order_status(status, order_id=O1))
        if tell:
            self.announcer.ring([HOME])

    def until_shown(self, status: OrderStatus) -> None:
        def shown() -> bool:
            return self.read.documents(ORDER_DETAIL).get(O1, {}).get("status") == status.value

        until(shown, PATIENCE_S, f"it is shown as {status}")

    def until_silent(self) -> None:
        marks = [f"twofold:bell:{name}:{number}" for name in NAMES for number in range(PARTITIONS)]
        until(lambda: self.client.exists(*marks) == len(marks), PATIENCE_S, "nobody needs to ring")

    def waiting(self) -> int:
        return sum(int(self.client.llen(QueueKeys(name).waiting)) for name in NAMES)


@pytest.fixture
def shop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """However slow the machine is, no read model leaves for being slow, and no silence runs out."""
    monkeypatch.setattr(joint_pass, "SLOW_S", 600.0)
    monkeypatch.setattr(doorbells, "MARK_TTL_MS", 600_000)
    with redis_client(settings) as client:
        shop = Shop(settings, client)
        shop.runners.start()
        yield shop
        shop.stopping.set()
        shop.runners.stop()
        until(lambda: not any(t.is_alive() for t in shop.runners.threads), PATIENCE_S, "its threads end")
        for database in shop.databases:
            database.client.close()


def test_what_is_appended_is_shown_and_no_bell_is_rung(shop: Shop) -> None:
    shop.until_shown(OrderStatus.PENDING)
    shop.until_silent()
    for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED):
        shop.set_status(status)
        shop.until_shown(status)
    assert shop.waiting() == 0
    assert audit(shop.write.log, shop.read.database) == []


def test_redis_may_lose_all_it_has(shop: Shop) -> None:
    shop.until_silent()
    shop.client.flushall()
    shop.set_status(OrderStatus.CONFIRMED)
    shop.until_shown(OrderStatus.CONFIRMED)
    for status in (OrderStatus.SHIPPED, OrderStatus.DELIVERED):
        shop.client.flushall()
        shop.set_status(status)
        shop.until_shown(status)


def test_a_lost_connection_to_redis_is_made_up_for(shop: Shop) -> None:
    """What is said while nobody listens is found when somebody does again."""
    shop.until_silent()
    for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED):
        shop.client.client_kill_filter(_type="pubsub")
        shop.set_status(status)
        shop.until_shown(status)


def test_a_word_that_was_never_said_is_found_by_the_lookout(shop: Shop) -> None:
    """The writer died between its append and the word."""
    shop.until_shown(OrderStatus.PENDING)
    shop.until_silent()
    watchdog = Watchdog(
        shop.write.log,
        shop.read.checkpoints,
        shop.bells,
        projected=lambda: {(name, FIRST) for name in NAMES},
        poke=shop.runners.poke,
    )
    shop.set_status(OrderStatus.CONFIRMED, tell=False)
    for _ in range(PATIENCE + 1):
        watchdog.look()
    shop.until_shown(OrderStatus.CONFIRMED)


def test_a_process_that_stops_leaves_nothing_behind(shop: Shop) -> None:
    shop.until_shown(OrderStatus.PENDING)
    shop.until_silent()
    shop.stopping.set()
    until(lambda: not any(t.is_alive() for t in shop.runners.threads[1:]), PATIENCE_S, "they have ended")
    assert {one.holder for one in shop.read.checkpoints.found()} == {None}
    assert shop.client.keys("twofold:bell:*") == []
    shop.set_status(OrderStatus.CONFIRMED)
    assert shop.waiting() == len(NAMES), "bells ring again"


def test_moves_that_a_killed_mongod_has_lost_are_made_again(shop: Shop) -> None:
    """Nothing new comes, so only the renewal can tell them."""
    shop.write.do(messages.register_customer())
    home, stored = partition("c1"), shop.read.database.checkpoints
    of_it = {"partition": home}
    until(lambda: not stored.count_documents({**of_it, "position": 0}), PATIENCE_S, "all have read it")
    stored.update_many(of_it, {"$set": {"position": 0}})
    until(lambda: not stored.count_documents({**of_it, "position": 0}), PATIENCE_S, "all say so again")
