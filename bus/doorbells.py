"""Doorbells: "partition 3 has something new", one queue per read model, at most one waiting per partition.

A doorbell carries no data, so losing one only costs time and one too many costs nothing. Setting the mark
"a bell is waiting" and enqueuing the bell is one step in Redis; answering it clears the mark *before* the
log is read. So whoever appends after that read rings again, and nobody's commit can fall between.

A mark whose message is gone (its worker was killed between fetching and answering) would silence the bell,
so marks expire.
"""

from collections.abc import Iterable
from uuid import uuid4

import redis
from dramatiq import Message

from bus.keys import NAMESPACE

MARK_TTL_MS = 5_000
"""How long a waiting bell silences others; past it, at worst one bell too many is rung."""

# KEYS: the mark, the queue, its messages. ARGV: id, message, ttl. In pairs of one bell each.
_RING = """
local rung = 0
for i = 1, #KEYS, 3 do
    local a = i
    if redis.call("set", KEYS[i], ARGV[a], "NX", "PX", ARGV[a + 2]) then
        redis.call("hset", KEYS[i + 2], ARGV[a], ARGV[a + 1])
        redis.call("rpush", KEYS[i + 1], ARGV[a])
        rung = rung + 1
    end
end
return rung
"""


class Doorbells:
    """Rings and answers; every method raises ``redis.RedisError`` when Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._ring = client.register_script(_RING)

    def ring(self, bells: Iterable[tuple[str, int]]) -> int:
        """Ring ``(read model, partition)`` bells in one step; return how many were not waiting already."""
        keys: list[str] = []
        arguments: list[str | bytes | int] = []
        for read_model, partition in bells:
            message = bell(read_model, partition)
            queue = f"{NAMESPACE}:{read_model}"
            keys += [_mark(read_model, partition), queue, f"{queue}.msgs"]
            arguments += [message.message_id, message.encode(), MARK_TTL_MS]
        return int(self._ring(keys=keys, args=arguments)) if keys else 0

    def answer(self, read_model: str, partition: int) -> None:
        """Clear the mark; to be called before the log is read."""
        self._client.delete(_mark(read_model, partition))

    def silence(self, read_model: str, partition: int) -> None:
        """Set the mark without a bell.

        Whoever calls this is going to read the log once more after clearing it.
        """
        self._client.set(_mark(read_model, partition), b"1", px=MARK_TTL_MS)

    def is_first_to_ring_later(self, read_model: str, partition: int, delay_ms: int, why: str = "") -> bool:
        """Whether no other delayed bell is under way for the same reason; if so, the caller's is from now on.

        Each reason has its own: one that is to ring in a while must not silence one that is to ring soon.
        """
        later = f"{_mark(read_model, partition)}:later{why}"
        return bool(self._client.set(later, b"1", nx=True, px=max(1, delay_ms)))


def bell(read_model: str, partition: int) -> Message[None]:
    """The message. Its id is new each time: the same id could be in flight, and its ack would end both."""
    message_id = str(uuid4())
    return Message(
        queue_name=read_model,
        actor_name=read_model,
        args=(),
        kwargs={"partition": partition},
        options={"redis_message_id": message_id},
        message_id=message_id,
    )


def _mark(read_model: str, partition: int) -> str:
    return f"twofold:bell:{read_model}:{partition}"
