"""Consumers that block in Redis: woken by work, disturbing nothing, giving back what they do not hand out."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
import redis
from dramatiq.broker import MessageProxy
from dramatiq.errors import ConnectionClosed

from bus.queue import consumer as consumer_module
from bus.queue.broker import Broker
from tests.integration.commands_queue import (
    LIST,
    PATIENCE_S,
    command,
    consumer_of,
    in_flight,
    redis_away,
    taken,
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


@pytest.fixture
def long_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that is not woken is not seen to be woken by its own next look."""
    monkeypatch.setattr(consumer_module, "BLOCK_S", float(PATIENCE_S))


def test_an_idle_consumer_is_woken_by_work_and_asks_for_nothing_meanwhile(
    client: redis.Redis, broker: Broker, long_blocks: None
) -> None:
    consumer = consumer_of(broker)
    broker.enqueue_once([command("loads the scripts")])
    consumer.ack(taken(consumer))
    with ThreadPoolExecutor() as pool:
        received = pool.submit(taken, consumer)
        until(lambda: client.info("clients")["blocked_clients"], PATIENCE_S, "the consumer blocks")
        client.config_resetstat()
        broker.enqueue_once([command("k1")])
        assert received.result(PATIENCE_S).message_id == "k1"
    asked = client.info("commandstats")
    assert asked["cmdstat_evalsha"]["calls"] == 2, "one to enqueue, one to fetch"
    assert "cmdstat_lpop" in asked
    assert asked["cmdstat_lpop"]["calls"] == 1


def test_one_that_has_no_room_goes_on_being_taken_for_alive(
    client: redis.Redis, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = consumer_of(broker)
    broker.enqueue_once([command("k1")])
    maintained = mock.Mock(side_effect=broker.maintain)
    monkeypatch.setattr(broker, "maintain", maintained)
    monkeypatch.setattr(consumer_module, "MAINTENANCE_EVERY_S", -1.0)
    assert consumer.take(0, waits=False) == []
    maintained.assert_called_once_with("commands")
    assert waiting(client) == ["k1"]
    assert [message.message_id for message in consumer.take(1, waits=False)] == ["k1"]


def test_every_blocked_consumer_is_woken(client: redis.Redis, broker: Broker, long_blocks: None) -> None:
    consumers = [consumer_of(broker) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        received = [pool.submit(taken, consumer) for consumer in consumers]
        until(lambda: client.info("clients")["blocked_clients"] == 3, PATIENCE_S, "all consumers block")
        broker.enqueue_once([command(key) for key in ("k1", "k2", "k3")])
        assert {future.result(PATIENCE_S).message_id for future in received} == {"k1", "k2", "k3"}


def test_waking_leaves_the_order_as_it_was(client: redis.Redis, broker: Broker, long_blocks: None) -> None:
    consumer = consumer_of(broker)
    with ThreadPoolExecutor() as pool:
        received = pool.submit(taken, consumer)
        until(lambda: client.info("clients")["blocked_clients"], PATIENCE_S, "the consumer blocks")
        broker.enqueue_once([command(key) for key in ("k1", "k2", "k3")])
        assert received.result(PATIENCE_S).message_id == "k1"
    assert waiting(client) == ["k2", "k3"]


def test_a_consumer_that_comes_too_late_leaves_the_list_as_it_was(
    client: redis.Redis, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = consumer_of(broker)
    broker.enqueue_once([command(key) for key in ("k1", "k2", "k3")])
    monkeypatch.setattr(consumer, "_fetched", lambda _: [])
    assert next(consumer) is None
    assert waiting(client) == ["k1", "k2", "k3"]


def test_an_acknowledgement_makes_room_for_the_next(broker: Broker, long_blocks: None) -> None:
    class Noticed(threading.Event):
        def __init__(self) -> None:
            super().__init__()
            self.awaited = threading.Event()

        def wait(self, timeout: float | None = None) -> bool:
            self.awaited.set()
            return super().wait(timeout)

    broker.enqueue_once([command("k1"), command("k2")])
    consumer = consumer_of(broker)
    consumer._room = room = Noticed()
    first = taken(consumer)
    with ThreadPoolExecutor() as pool:
        full = pool.submit(next, consumer)
        assert room.awaited.wait(PATIENCE_S)
        consumer.ack(first)
        assert full.result(PATIENCE_S / 2) is None
    assert taken(consumer).message_id == "k2"


def test_no_more_is_fetched_than_asked_for(client: redis.Redis, broker: Broker) -> None:
    broker.enqueue_once([command(f"k{number}") for number in range(5)])
    consumer = consumer_of(broker, prefetch=2)
    assert [taken(consumer).message_id for _ in range(2)] == ["k0", "k1"]
    assert waiting(client) == ["k2", "k3", "k4"]
    assert in_flight(client, broker) == {"k0", "k1"}


def test_what_a_closing_consumer_has_not_handed_out_is_given_back(
    client: redis.Redis, broker: Broker
) -> None:
    broker.enqueue_once([command(key) for key in ("k1", "k2", "k3")])
    consumer = consumer_of(broker, prefetch=3)
    taken(consumer)
    assert waiting(client) == []
    consumer.close()
    assert waiting(client) == ["k2", "k3"]
    assert in_flight(client, broker) == {"k1"}


def test_one_that_cannot_be_decoded_does_not_hold_up_the_rest_of_its_batch(
    client: redis.Redis, broker: Broker
) -> None:
    broker.enqueue_once([command("k1"), command("k2")])
    client.hset(f"{LIST}.msgs", "k1", "{")
    consumer = consumer_of(broker, prefetch=2)
    assert taken(consumer).message_id == "k2"
    consumer.close()


def test_a_lost_connection_is_one_that_dramatiq_understands() -> None:
    """It restarts the consumer then; anything else would end its thread."""
    message = MessageProxy(command("k1").copy(options={"redis_message_id": "k1"}))
    with redis_away() as client:
        consumer = consumer_of(Broker(client))
        attempts: list[Callable[[], Any]] = [
            lambda: next(consumer),
            lambda: consumer.ack(message),
            lambda: consumer.nack(message),
            lambda: consumer.requeue([message]),
        ]
        for attempt in attempts:
            with pytest.raises(ConnectionClosed):
                attempt()


def test_what_was_fetched_and_lost_with_a_connection_is_given_back_and_what_is_in_hand_is_not(
    client: redis.Redis, broker: Broker
) -> None:
    broker.enqueue_once([command("k1"), command("k2"), command("k3")])
    lost = consumer_of(broker, prefetch=3)
    in_hand = taken(lost)
    assert in_flight(client, broker) == {"k1", "k2", "k3"}
    lost.message_cache.clear()  # as if the answer to the fetch had never arrived
    following = consumer_of(broker, prefetch=5)
    assert {taken(following).message_id for _ in range(2)} == {"k2", "k3"}
    following.ack(in_hand)
    assert in_flight(client, broker) == {"k2", "k3"}
    assert waiting(client) == []
