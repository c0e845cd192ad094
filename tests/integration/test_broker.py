"""The broker on a real Redis: each message once, back from the dead, under the keys that Dramatiq has."""

from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import Worker

from bus.queue.broker import Broker
from tests.integration.commands_queue import (
    LIST,
    PATIENCE_S,
    command,
    consumer_of,
    in_flight,
    taken,
    text,
    waiting,
)
from tests.support.waiting import until


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, socket_timeout=2 * PATIENCE_S) as client:
        yield client


@pytest.fixture
def broker(client: redis.Redis) -> Broker:
    broker = Broker(client)
    broker.declare_queue("commands")
    return broker


def test_the_messages_of_a_dead_worker_return(client: redis.Redis, broker: Broker) -> None:
    dead, alive = Broker(client), broker
    dead.enqueue_once([command(key) for key in ("k1", "k2", "k3")])
    assert {taken(consumer_of(dead, prefetch=2)).message_id} < in_flight(client, dead)
    taken(consumer_of(alive))
    alive.maintain("commands")
    assert (waiting(client), in_flight(client, dead)) == ([], {"k1", "k2"})
    alive.heartbeat_timeout = 1

    def returned() -> bool:
        alive.maintain("commands")
        return bool(waiting(client))

    until(returned, PATIENCE_S, "the dead worker's messages are back")
    assert sorted(waiting(client)) == ["k1", "k2"]
    assert (in_flight(client, dead), in_flight(client, alive)) == (set(), {"k3"})


def test_consumers_maintain_their_queue_by_themselves(client: redis.Redis, broker: Broker) -> None:
    dead = Broker(client)
    dead.enqueue_once([command("k1")])
    taken(consumer_of(dead))
    client.zadd("dramatiq:__heartbeats__", {dead.broker_id: 0})
    assert taken(consumer_of(broker)).message_id == "k1"


def test_a_message_is_enqueued_once_while_it_waits_and_while_it_is_in_flight(
    client: redis.Redis, broker: Broker
) -> None:
    assert broker.enqueue_once([]) == 0
    assert broker.enqueue_once([command("k1"), command("k2"), command("k1")]) == 2
    assert broker.enqueue_once([command("k2"), command("k3")]) == 1
    assert waiting(client) == ["k1", "k2", "k3"]
    consumer = consumer_of(broker)
    first = taken(consumer)
    assert broker.enqueue_once([command("k1")]) == 0
    consumer.ack(first)
    assert broker.enqueue_once([command("k1")]) == 1
    assert waiting(client) == ["k2", "k3", "k1"]


def test_the_keys_are_exactly_those_of_dramatiq(client: redis.Redis, broker: Broker) -> None:
    broker.enqueue_once([command(key) for key in ("k1", "k2", "k3")])
    consumer = consumer_of(broker, prefetch=2)
    consumer.nack(taken(consumer))
    broker.enqueue(command("k4"), delay=60_000)
    acks = f"dramatiq:__acks__.{broker.broker_id}.commands"
    assert {text(key): text(client.type(key)) for key in client.scan_iter()} == {
        LIST: "list",
        f"{LIST}.msgs": "hash",
        f"{LIST}.DQ": "list",
        f"{LIST}.DQ.msgs": "hash",
        f"{LIST}.XQ": "zset",
        f"{LIST}.XQ.msgs": "hash",
        "dramatiq:__heartbeats__": "zset",
        acks: "set",
    }
    assert set(client.hkeys(f"{LIST}.msgs")) == {b"k2", b"k3"}
    assert client.smembers(acks) == {b"k2"}


def test_a_worker_handles_each_message_and_tries_again_what_failed(
    client: redis.Redis, broker: Broker
) -> None:
    handled: list[str] = []

    @dramatiq.actor(actor_name="handle_command", queue_name="commands", broker=broker)
    def handle(key: str) -> None:
        handled.append(key)
        if handled.count(key) == 1 and key in {"k3", "k7"}:
            raise ValueError(key)

    messages: list[Any] = [command(f"k{number}").copy(args=(f"k{number}",)) for number in range(20)]
    broker.enqueue_once(messages)
    worker = Worker(broker, queues={"commands"}, worker_timeout=50, worker_threads=2)
    worker.start()
    try:
        until(lambda: len(handled) == 22, PATIENCE_S, "everything is handled")
        broker.join("commands", timeout=PATIENCE_S * 1_000)
    finally:
        worker.stop()
    assert sorted(handled) == sorted([m.args[0] for m in messages] + ["k3", "k7"])
    assert client.keys() == [b"dramatiq:__heartbeats__"]
