"""Dead letters move from Redis to MongoDB: none is lost, none is there twice, whenever the clock dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.dead_letters import store as dead_letters
from bus.dead_letters.dead_letter import LetterState
from bus.dead_letters.store import DeadLetters
from bus.notify.subscriptions import Subscriptions
from bus.queue.broker import Broker
from bus.queue.keys import QueueKeys
from bus.settings import Settings
from tests.integration.commands_queue import PATIENCE_S, consumer_of, taken
from tests.integration.crashes import dying
from tests.integration.graveyard import DIED_MS, buried, bury, payload
from tests.support.processes import Process
from tests.support.waiting import until

QUEUES = ("commands", "customers")
EIGHT_DAYS_MS = 8 * 86_400_000


@pytest.fixture
def letters(database: Database[StoredDocument]) -> DeadLetters:
    letters = DeadLetters(database)
    letters.create()
    return letters


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    """Of a process of its own."""
    return {
        **os.environ,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
        "WRITE_DATABASE": settings.write_database,
    }


def ids(letters: DeadLetters) -> list[str]:
    return [letter.redis_id for letter in letters.newest(None, 1_000, resolved=True)]


def test_all_queues_are_collected_and_what_is_collected_is_gone_from_redis(
    letters: DeadLetters, client: redis.Redis
) -> None:
    bury(client, "k1")
    bury(client, b"\xff", DIED_MS + 1, b"\xfe not a message")
    bury(client, "b1", queue="customers")
    bury(client, "x", queue="somebody else's")
    assert letters.collect(client, QUEUES) == 3
    assert [buried(client, queue) for queue in QUEUES] == [0, 0]
    assert buried(client, "somebody else's") == 1
    assert sorted(ids(letters)) == ["\\xff", "b1", "k1"]
    assert letters.count_kept() == {"commands": 2, "customers": 1}
    assert letters.collect(client, QUEUES) == 0


def test_an_id_without_its_message_is_collected_too(letters: DeadLetters, client: redis.Redis) -> None:
    client.zadd(QueueKeys("commands").dead, {"k1": DIED_MS})
    assert letters.collect(client, QUEUES) == 1
    [letter] = letters.of_message("k1")
    assert (letter.message, letter.reason) == (None, "its message is gone from Redis")


def test_a_flood_is_collected_in_batches_and_the_rest_in_later_rounds(
    letters: DeadLetters, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "BATCH", 2)
    monkeypatch.setattr(dead_letters, "BATCHES_A_ROUND", 2)
    for number in range(7):
        bury(client, f"k{number}", DIED_MS + number)
    assert [letters.collect(client, QUEUES) for _ in range(3)] == [4, 3, 0]
    assert sorted(ids(letters)) == [f"k{number}" for number in range(7)]
    assert buried(client) == 0


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_clock_that_dies_around_the_insert_leaves_it_to_the_next(
    letters: DeadLetters, client: redis.Redis, database: Database[StoredDocument], moment: str
) -> None:
    bury(client, "k1")
    bury(client, "k2", DIED_MS + 1)
    with dying(database, 1, moment) as death:  # type: ignore[arg-type]  # parametrized
        letters.collect(client, QUEUES)
    assert death.dead
    assert buried(client) == 2, "removed before it was kept"
    assert len(ids(letters)) == (2 if moment == "after" else 0)
    assert letters.collect(client, QUEUES) == 2
    assert sorted(ids(letters)) == ["k1", "k2"]
    assert buried(client) == 0


_KILLED_BEFORE_REMOVAL = """
import os, signal
import redis
from bus.connections.clients import redis_client, write_database
from bus.dead_letters.store import DeadLetters
from bus.settings import Settings

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

settings = Settings.load()
redis.Redis.eval = kill
DeadLetters(write_database(settings)).collect(redis_client(settings), ["commands"])
"""


def test_a_clock_that_is_killed_between_insert_and_removal_has_kept_them_once(
    letters: DeadLetters, client: redis.Redis, environ: dict[str, str]
) -> None:
    bury(client, "k1")
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_BEFORE_REMOVAL], env=environ, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    assert (buried(client), ids(letters)) == (1, ["k1"])
    assert letters.collect(client, QUEUES) == 1
    assert (buried(client), ids(letters)) == (0, ["k1"])


def test_the_same_id_dying_again_is_a_further_death(letters: DeadLetters, client: redis.Redis) -> None:
    for died_ms in (DIED_MS, DIED_MS + 1):
        bury(client, "k1", died_ms)
        letters.collect(client, QUEUES)
    assert ids(letters) == ["k1", "k1"]


def test_what_dies_again_while_it_is_collected_stays_for_the_next_round(
    letters: DeadLetters, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = letters.keep

    def keep_and_die_again(found: object) -> None:
        keep(found)  # type: ignore[arg-type]  # handed through
        bury(client, "k1", DIED_MS + 5)

    bury(client, "k1")
    monkeypatch.setattr(letters, "keep", keep_and_die_again)
    letters.collect(client, QUEUES)
    monkeypatch.undo()
    assert buried(client) == 1, "the second death was removed with the first"
    letters.collect(client, QUEUES)
    assert (buried(client), ids(letters)) == (0, ["k1", "k1"])


def test_several_clocks_keep_each_letter_once(
    letters: DeadLetters,
    client: redis.Redis,
    database: Database[StoredDocument],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = DeadLetters(database)
    keep = letters.keep

    def after_the_other(found: object) -> None:
        other.collect(client, QUEUES)
        keep(found)  # type: ignore[arg-type]  # handed through

    bury(client, "k1")
    monkeypatch.setattr(letters, "keep", after_the_other)
    letters.collect(client, QUEUES)
    assert (buried(client), ids(letters)) == (0, ["k1"])


def test_collecting_again_does_not_bring_back_what_an_operator_has_ended(
    letters: DeadLetters, client: redis.Redis
) -> None:
    bury(client, "k1")
    letters.collect(client, QUEUES)
    [letter] = letters.newest(None, 10)
    assert letters.resolve(letter.letter_id, LetterState.DISCARDED, by="ann", reason="old")
    assert not letters.resolve(letter.letter_id, LetterState.RETRIED, by="bob", reason="new")
    bury(client, "k1", message=payload() if not isinstance(letter.message, str) else letter.message.encode())
    letters.collect(client, QUEUES)
    assert letters.newest(None, 10) == []
    [ended] = letters.newest(None, 10, resolved=True)
    assert (ended.state, ended.resolved_by, ended.resolution) == (LetterState.DISCARDED, "ann", "old")
    assert ended.resolved_at is not None


def test_the_clock_collects_those_of_every_queue_that_is_subscribed(
    letters: DeadLetters,
    client: redis.Redis,
    database: Database[StoredDocument],
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    Subscriptions(database).subscribe(("customers",))
    clock = Process("clock", f"exec {sys.executable} -m bus clock", environ, tmp_path / "clock.log")
    clock.start()
    try:
        for queue in QUEUES:
            bury(client, f"{queue}'s", queue=queue)
            until(lambda: letters.count_kept().get(queue), PATIENCE_S, f"{queue} collected")  # noqa: B023 - used at once
        until(lambda: not any(buried(client, queue) for queue in QUEUES), PATIENCE_S, "both are removed")
        assert clock.stop() == 0
    finally:
        clock.kill()
    assert [buried(client, queue) for queue in QUEUES] == [0, 0]


def test_with_the_usual_broker_a_dead_letter_expires(client: redis.Redis) -> None:
    """What the collecting is for."""
    stock = RedisBroker(client=client, namespace="dramatiq", maintenance_chance=1_000_000)
    bury(client, "k1", _now_ms(client) - EIGHT_DAYS_MS)
    stock.do_qsize("commands")
    assert buried(client) == 0


def test_here_it_does_not(
    letters: DeadLetters, client: redis.Redis, database: Database[StoredDocument]
) -> None:
    bury(client, "k1", _now_ms(client) - EIGHT_DAYS_MS)
    Broker(client).maintain("commands")
    assert buried(client) == 1, "it expired before the clock came"
    letters.collect(client, QUEUES)
    assert ids(letters) == ["k1"]
    assert not any("expireAfterSeconds" in index for index in database.dead_letters.list_indexes())


def test_what_a_worker_refuses_is_collected(letters: DeadLetters, client: redis.Redis) -> None:
    broker = Broker(client)
    client.hset("dramatiq:commands.msgs", "k1", payload())
    client.rpush("dramatiq:commands", "k1")
    consumer = consumer_of(broker)
    consumer.nack(taken(consumer))
    assert letters.collect(client, QUEUES) == 1
    assert [letter.actor for letter in letters.of_message("k1")] == ["handle_command"]


def _now_ms(client: redis.Redis) -> int:
    seconds, _ = client.time()
    return int(seconds) * 1000
