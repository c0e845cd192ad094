"""Counts what lies on the queues, by Dramatiq's own keys: two round trips for all of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
import redis

from bus.queue.keys import QueueKeys


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The numbers of messages of one queue, by the place where they are."""

    waiting: int
    in_flight: int
    delayed: int
    dead: int
    first_s: float | None
    """The age in seconds of the first that waits; ``None`` if none waits, or it cannot be read."""

    @property
    def oldest_s(self) -> float:
        return self.first_s or 0.0


def queue_depths(client: redis.Redis, names: Sequence[str]) -> Mapping[str, QueueDepth]:
    """Return the depth of each queue by name; raise ``redis.RedisError`` when Redis is away."""
    with client.pipeline(transaction=False) as asked:
        for name in names:
            keys = QueueKeys(name)
            asked.llen(keys.waiting)
            asked.hlen(keys.messages)
            asked.hlen(keys.delayed.messages)
            asked.zcard(keys.dead)
            asked.lindex(keys.waiting, 0)
        answers = asked.execute()
    rows = {name: answers[at : at + 5] for at, name in zip(range(0, len(answers), 5), names, strict=True)}
    oldest = _first_messages(client, {name: row[4] for name, row in rows.items() if row[4] is not None})
    return {
        name: QueueDepth(
            waiting=waiting,
            in_flight=max(0, known - waiting),  # it may move between the two questions
            delayed=delayed,
            dead=dead,
            first_s=_age(oldest.get(name)),
        )
        for name, (waiting, known, delayed, dead, _) in rows.items()
    }


def _first_messages(client: redis.Redis, ids: Mapping[str, bytes]) -> Mapping[str, bytes | None]:
    with client.pipeline(transaction=False) as asked:
        for name, message_id in ids.items():
            asked.hget(QueueKeys(name).messages, message_id)
        return dict(zip(ids, asked.execute(), strict=True))


def _age(message: bytes | None) -> float | None:
    """Return the seconds since a message was enqueued; ``None`` if it is gone or unreadable."""
    try:
        enqueued_ms = float(orjson.loads(message or b"{}")["message_timestamp"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    return max(0.0, time.time() - enqueued_ms / 1000)
