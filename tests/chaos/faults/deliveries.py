"""What Redis can do to messages: forget all, deliver them twice or late, deliver them in any order."""

import os
from contextlib import ExitStack
from signal import SIGSTOP
from typing import cast
from uuid import uuid4

import redis
from dramatiq import Message

from tests.chaos.faults.fault import CATCH_S, Acting, awaiting, let_go
from tests.chaos.scene import Scene

MESSAGES = ".msgs"
DEAD_LETTERS = ".XQ"
COMMANDS = "dramatiq:commands"
ENOUGH = 20
"""Waiting commands that are worth being shuffled."""
GATHER_S = 1.0
"""How long they may take to gather."""
COPIES = 50
"""Messages of a queue that are delivered once more."""
KEPT = 1_000
"""Messages that are remembered, to be delivered again when all is long over."""

_SHUFFLE = """
math.randomseed(tonumber(ARGV[1]))
for _, key in ipairs(KEYS) do
    local ids = redis.call("lrange", key, 0, -1)
    redis.call("del", key)
    while #ids > 0 do
        redis.call("rpush", key, table.remove(ids, math.random(#ids)))
    end
end
"""


def flush_redis(scene: Scene) -> Acting[None]:
    """FLUSHALL."""

    def flush() -> bool:
        try:
            return bool(scene.redis.flushall())
        except redis.RedisError:
            return False

    flushed = yield from awaiting(flush, CATCH_S)
    scene.note("flush redis", hit=flushed)


def _queues(scene: Scene) -> list[str]:
    """Everything that Dramatiq keeps messages for, dead letters left out."""
    keys = [key.decode().removesuffix(MESSAGES) for key in scene.redis.scan_iter(f"dramatiq:*{MESSAGES}")]
    return sorted(key for key in keys if not key.endswith(DEAD_LETTERS))


class Duplicates:
    """Copies of messages under other ids in Redis, of which Dramatiq knows nothing."""

    def __init__(self) -> None:
        self._remembered: list[bytes] = []

    def __call__(self, scene: Scene) -> Acting[None]:
        def copy() -> bool:
            try:
                return self._deliver_again(scene)
            except redis.RedisError:
                return False

        copied = yield from awaiting(copy, CATCH_S)
        scene.note("duplicate", hit=copied)

    def _deliver_again(self, scene: Scene) -> bool:
        """What waits or is in flight now, if anything does, and some of what did earlier."""
        current: list[bytes] = []
        for queue in _queues(scene):
            drawn = scene.redis.hrandfield(f"{queue}{MESSAGES}", COPIES, withvalues=True)
            current += cast("list[bytes]", drawn)[1::2]
        if not current:
            return False
        earlier = scene.rng.sample(self._remembered, min(COPIES, len(self._remembered)))
        with scene.redis.pipeline() as pipeline:
            for data in (*current, *earlier):
                message = Message.decode(data)
                copy_id = str(uuid4())
                twin = message.copy(options={"redis_message_id": copy_id})
                queue = f"dramatiq:{message.queue_name}"
                pipeline.hset(f"{queue}.msgs", copy_id, cast("str", twin.encode()))
                pipeline.rpush(queue, copy_id)
            pipeline.execute()
        self._remembered = [*current, *self._remembered][:KEPT]
        return True


def reorder(scene: Scene) -> Acting[None]:
    """Whatever waits, in another order. For a moment nobody takes anything, so that something waits."""
    with ExitStack() as stopped:
        while (process := scene.free("commands")) is not None and process.pid is not None:
            stopped.enter_context(scene.holding(process.name))
            os.kill(process.pid, SIGSTOP)
            stopped.callback(let_go, process)

        def enough_waits() -> bool:
            try:
                return scene.redis.llen(COMMANDS) >= ENOUGH
            except redis.RedisError:
                return False

        def shuffle() -> bool:
            try:
                if scene.redis.llen(COMMANDS) < 2:
                    return False
                queues = _queues(scene)
                scene.redis.eval(_SHUFFLE, len(queues), *queues, scene.rng.randrange(2**31))
            except redis.RedisError:
                return False
            return True

        yield from awaiting(enough_waits, GATHER_S)
        shuffled = yield from awaiting(shuffle, CATCH_S)
    scene.note("reorder", hit=shuffled)
