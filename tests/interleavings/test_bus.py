"""A message that is enqueued again while it is being handled."""

from typing import Any
from unittest import mock

import redis
from dramatiq import Message

from bus.broker import Broker
from tests.integration.commands_queue import LIST, command, consumer_of, in_flight, taken, waiting
from tests.interleavings.protection import Protection, must, protected_by

ONCE = "what is in flight is not enqueued beside itself"


def _enqueued_as_it_comes() -> Any:
    def enqueue(broker: Broker, messages: list[Message[None]]) -> int:
        for message in messages:
            broker.enqueue(message.copy(options={"redis_message_id": message.message_id}))
        return len(messages)

    return mock.patch.object(Broker, "enqueue_once", enqueue)


@protected_by(Protection("looking for the id", ONCE, _enqueued_as_it_comes))
def test_an_id_enqueued_again_while_in_flight(client: redis.Redis) -> None:
    """Two messages of one id share one entry: the first acknowledgement would take it from the second."""
    broker = Broker(client)
    consumer = consumer_of(broker, prefetch=2)
    broker.enqueue_once([command("k1")])
    first = taken(consumer)
    again = broker.enqueue_once([command("k1"), command("k2")])
    must(ONCE, (again, waiting(client)), (1, ["k2"]))
    assert in_flight(client, broker) == {"k1"}

    consumer.ack(first)
    must(ONCE, waiting(client), ["k2"])
    assert client.hkeys(f"{LIST}.msgs") == [b"k2"]
    # Done with, it may come again.
    assert broker.enqueue_once([command("k1")]) == 1
    assert [taken(consumer).message_id for _ in range(2)] == ["k2", "k1"]
