"""The ``commands`` queue as Redis has it, and consumers of it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from dramatiq import Message
from dramatiq.broker import MessageProxy
from redis.backoff import NoBackoff
from redis.retry import Retry

from bus.queue.broker import Broker
from bus.queue.consumer import BlockingConsumer

LIST = "dramatiq:commands"
PATIENCE_S = 30
"""How long something that must happen may take on a busy machine."""
SOON_MS = -2_000
"""For a sweep: the moment of acceptance is known to the second, so "older than this" holds at once."""


def command(message_id: str) -> Message[None]:
    return Message("commands", "handle_command", (), {}, {}, message_id)


def consumer_of(broker: Broker, prefetch: int = 1) -> BlockingConsumer:
    consumer = broker.consume("commands", prefetch)
    assert isinstance(consumer, BlockingConsumer)
    return consumer


def taken(consumer: BlockingConsumer) -> MessageProxy:
    """The next message, which must be there."""
    message = next(consumer)
    assert message is not None
    return message


@contextmanager
def redis_away() -> Iterator[redis.Redis]:
    """A client of a server that is not there."""
    with socket.socket() as bound:  # and not listening: it refuses, and nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        host, port = bound.getsockname()
        with redis.Redis(host, port, retry=Retry(NoBackoff(), 0)) as client:
            yield client


def text(stored: bytes | str | None) -> str:
    """What a client that does not decode answers with."""
    assert isinstance(stored, bytes)
    return stored.decode()


def waiting(client: redis.Redis) -> list[str]:
    """The ids in the queue, in order."""
    return [text(message_id) for message_id in client.lrange(LIST, 0, -1)]


def in_flight(client: redis.Redis, broker: Broker) -> set[str]:
    """The ids that a broker's consumers have fetched and not acknowledged."""
    return {
        text(message_id) for message_id in client.smembers(f"dramatiq:__acks__.{broker.broker_id}.commands")
    }
