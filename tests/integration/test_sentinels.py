"""Redis behind sentinels: whatever becomes of the primary, everybody goes on with the next one."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote

import pytest
import redis
from redis.sentinel import Sentinel

from api.local.ports import HOST
from bus.connections import redis_pool
from bus.connections.clients import redis_client
from bus.connections.redis_connections import over_tcp
from bus.connections.redis_pool import SentinelPool
from bus.notify.doorbells import Doorbells
from bus.notify.notifier import CHANNEL, Notifier, announce, finished
from bus.queue.broker import Broker
from bus.settings import Settings
from tests.integration.commands_queue import command, consumer_of
from tests.integration.redis_set import (
    NAME,
    PASSWORD,
    PATIENCE_S,
    SENTINEL_PASSWORD,
    Member,
    RedisSet,
    watched,
)
from tests.support.waiting import until

T = TypeVar("T")


@pytest.fixture(scope="module")
def redis_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSet]:
    with watched(tmp_path_factory.mktemp("sentinels")) as running:
        yield running


@pytest.fixture
def settings(redis_set: RedisSet) -> Settings:
    sentinels = ",".join(f"{HOST}:{sentinel.port}" for sentinel in redis_set.sentinels)
    user = f"default:{quote(PASSWORD, safe='')}"
    return Settings(
        redis_url=f"redis+sentinel://{user}@{sentinels}/{NAME}/1?sentinel_password={SENTINEL_PASSWORD}"
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[redis.Redis]:
    with redis_client(settings, 1.0) as client:
        yield client


def patiently(ask: Callable[[], T]) -> T:
    """What a call answers once it does not raise: without a primary, or after 1 s, callers try again."""

    def answered() -> tuple[T] | None:
        try:
            return (ask(),)
        except redis.RedisError:
            return None

    found = until(answered, PATIENCE_S, "an answer of the primary")
    assert found is not None
    return found[0]


class Worker:
    """A thread that consumes as Dramatiq's does: a lost connection ends a consumer, and another is made."""

    def __init__(self, client: redis.Redis) -> None:
        self.found: list[str] = []
        self._broker = Broker(client)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer = consumer_of(self._broker)
            try:
                while not self._stopping.is_set():
                    if (message := next(consumer)) is not None:
                        self.found.append(message.message_id)
                        consumer.ack(message)
            except Exception:  # noqa: BLE001 - whatever it is, Dramatiq makes the next consumer
                self._stopping.wait(0.1)


def ended(notifier: Notifier) -> None:
    """Its thread has ended too, which a process does not wait for: its client is about to be closed."""
    notifier.stop()
    notifier.thread.join(PATIENCE_S)
    assert not notifier.alive


def all_follow(
    redis_set: RedisSet, client: redis.Redis, settings: Settings, end: Callable[[Member], None]
) -> None:
    """Callers, a consumer, a listener and the bells go on with the next primary once this one is ended."""
    former = redis_set.primary()
    notifier = Notifier(client)
    notifier.start()
    with Worker(client) as worker, redis_client(settings, 1.0) as other:
        broker, doorbells = Broker(client), Doorbells(client)
        patiently(lambda: broker.enqueue(command(f"before-{former.port}")))
        until(lambda: worker.found, PATIENCE_S, "the first message")
        patiently(lambda: doorbells.ring([("products", former.port)]))
        until(lambda: patiently(lambda: client.pubsub_numsub(CHANNEL)[0][1]), PATIENCE_S, "a listener")

        end(former)
        patiently(lambda: broker.enqueue(command(f"after-{former.port}")))
        until(lambda: f"after-{former.port}" in worker.found, PATIENCE_S, "the second message")
        fresh = count()  # a bell that has rung without an answer in time would not ring again
        assert patiently(lambda: doorbells.ring([(f"orders-{former.port}", next(fresh))])) == 1
        until(lambda: redis_set.primary() is not former, PATIENCE_S, "the sentinels name another primary")
        until(lambda: patiently(lambda: other.pubsub_numsub(CHANNEL)[0][1]), PATIENCE_S, "a listener again")
        with notifier.expect([finished("k1")]) as woken:
            patiently(lambda: announce(other, [finished("k1")]))
            assert woken.wait(PATIENCE_S)
    ended(notifier)


def test_all_follow_when_the_primary_is_killed(
    redis_set: RedisSet, client: redis.Redis, settings: Settings
) -> None:
    all_follow(redis_set, client, settings, Member.kill)
    primary = redis_set.primary()
    for member in redis_set.members:
        member.start()
        if member is not primary:  # a sentinel would tell it after 8 s
            member.follow(primary)


def test_all_follow_when_the_primary_hangs(
    redis_set: RedisSet, client: redis.Redis, settings: Settings
) -> None:
    until(redis_set.has_a_replica, PATIENCE_S, "a replica that can take over")
    hanging: list[int] = []

    def freeze(member: Member) -> None:
        assert member.pid is not None
        hanging.append(member.pid)
        os.kill(member.pid, signal.SIGSTOP)

    try:
        all_follow(redis_set, client, settings, freeze)
    finally:
        for pid in hanging:
            os.kill(pid, signal.SIGCONT)


class Told(Sentinel):
    """Stands for sentinels: says what it was told."""

    def __init__(self, member: Member) -> None:
        super().__init__([])  # type: ignore[no-untyped-call]
        self.member = member

    def discover_master(self, _name: str) -> tuple[str, int]:
        return HOST, self.member.port


def test_a_former_primary_that_nobody_has_told_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentinels do not reach it, and it goes on taking writes: both a caller and a listener leave it."""
    monkeypatch.setattr(redis_pool, "ASK_EVERY_S", 0.0)
    with Member(tmp_path / "a") as former, Member(tmp_path / "b") as new:
        sentinels = Told(former)

        def connected() -> redis.Redis:
            """With a pool of its own: of several that share one, only one asks the sentinels at a time."""
            kind = over_tcp(tls=False, sentinels=True)
            return redis.Redis.from_pool(SentinelPool(NAME, sentinels, connection_class=kind))

        with connected() as client, connected() as listening, new.client() as watching:
            client.set("k", 1)
            notifier = Notifier(listening)
            notifier.start()
            until(lambda: client.pubsub_numsub(CHANNEL)[0][1], PATIENCE_S, "a listener")
            sentinels.member = new
            client.set("k", 2)
            client.set("k", 3)
            assert watching.get("k") == "3"
            until(lambda: watching.pubsub_numsub(CHANNEL)[0][1], PATIENCE_S, "the listener")
            ended(notifier)


def test_a_server_that_is_no_sentinel_is_told_as_one(redis_url: str) -> None:
    where = redis_url.removeprefix("redis://").removesuffix("/0")
    with (
        redis_client(Settings(redis_url=f"redis+sentinel://{where}/{NAME}")) as client,
        pytest.raises(redis.ConnectionError, match="REDIS_URL: a sentinel"),
    ):
        client.ping()


def test_a_database_that_the_server_has_not_is_told_by_the_variable(redis_url: str) -> None:
    with (
        redis_client(Settings(redis_url=redis_url.removesuffix("/0") + "/99")) as client,
        pytest.raises(redis.ConnectionError, match="REDIS_URL: the server has no database 99"),
    ):
        client.ping()
