"""A message that is enqueued again while it is being handled."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import redis
from dramatiq import Message
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.inbox.gateway import command_message
from bus.log.log import Log
from bus.queue.broker import Broker
from bus.queue.keys import QueueKeys
from bus.sweeper import Sweep
from tests.integration.commands_queue import SOON_MS, command, consumer_of, in_flight, taken, waiting
from tests.integration.sides import WriteSide
from tests.interleavings.protection import Protection, must, protected_by
from tests.interleavings.stopped import stopped
from tests.support import messages

KEYS = QueueKeys("commands")
ONCE = "what is in flight is not enqueued beside itself"


@contextmanager
def _enqueued_as_it_comes() -> Iterator[None]:
    def absent(_broker: Broker, _queue: str, message_ids: list[str]) -> list[str]:
        return message_ids

    def enqueue(broker: Broker, sent: list[Message[None]]) -> int:
        for message in sent:
            known = message.copy(options={"redis_message_id": message.message_id})
            broker.client.hset(KEYS.messages, message.message_id, known.encode())
            broker.client.rpush(KEYS.waiting, message.message_id)
        return len(sent)

    with mock.patch.object(Broker, "absent", absent), mock.patch.object(Broker, "enqueue_once", enqueue):
        yield


@protected_by(Protection("looking for the id", ONCE, _enqueued_as_it_comes))
def test_an_id_enqueued_again_while_in_flight(
    database: Database[StoredDocument], client: redis.Redis
) -> None:
    """A worker is slow, and the sweep finds its command overdue.

    Two messages of one id would share one entry, which the first acknowledgement takes from the second.
    """
    shop = WriteSide(database)
    shop.create()
    broker = Broker(client)
    consumer = consumer_of(broker)
    sweep = Sweep(database, shop.inbox, broker, SOON_MS)
    slow = shop.accept(messages.register_customer())
    broker.enqueue_once([command_message(slow.command_id)])

    def works() -> None:
        message = taken(consumer)
        assert message.message_id == slow.command_id
        shop.handling(slow)
        consumer.ack(message)

    with stopped(Log, "_claim", works) as worker:
        assert in_flight(client, broker) == {slow.command_id}
        must(ONCE, (sweep(), waiting(client)), (0, []))
        worker.go_on()
    assert shop.is_finished(slow)
    assert (sweep(), client.hlen(KEYS.messages)) == (0, 0)
    # Done with, an id may come again.
    assert broker.enqueue_once([command(slow.command_id)]) == 1
