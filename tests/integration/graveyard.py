"""Dead letters as Redis has them before they are collected."""

from typing import Any

import redis
from dramatiq import Message

from bus.queue.keys import QueueKeys
from tests.support import messages

DIED_MS = 1_750_000_000_000


def payload(message_id: str = "k1", **over: Any) -> bytes:
    """A message with a command, as the gateway makes it; overrides are its fields."""
    fields: dict[str, Any] = {
        "queue_name": "commands",
        "actor_name": "handle_command",
        "args": (),
        "kwargs": {"envelope": messages.envelope(command_id=message_id).model_dump(mode="json")},
        "options": {"redis_message_id": message_id},
        "message_id": message_id,
        "message_timestamp": DIED_MS - 1_000,
    }
    return Message(**{**fields, **over}).encode()


def bury(
    client: redis.Redis,
    name: bytes | str,
    died_ms: float = DIED_MS,
    message: bytes | None = None,
    *,
    queue: str = "commands",
) -> None:
    """Put a message where Dramatiq puts the dead, in one step as Dramatiq does."""
    keys = QueueKeys(queue)
    redis_id = name.encode() if isinstance(name, str) else name
    with client.pipeline(transaction=True) as step:
        step.zadd(keys.dead, {redis_id: died_ms})
        step.hset(keys.dead_messages, redis_id, payload() if message is None else message)
        step.execute()


def buried(client: redis.Redis, queue: str = "commands") -> int:
    """How many dead letters Redis has: the same number of ids and of messages."""
    keys = QueueKeys(queue)
    with client.pipeline(transaction=True) as step:
        step.zcard(keys.dead)
        step.hlen(keys.dead_messages)
        count, messages_count = step.execute()
    assert messages_count == count
    assert isinstance(count, int)
    return count
