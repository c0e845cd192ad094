"""The one place where Dramatiq meets Redis.

Stock Dramatiq finds new work by polling with a growing backoff. Here a consumer blocks in Redis until there
is work: ``BLMOVE`` of the queue's head onto itself leaves the list as it was, and wakes every blocked
consumer when the list is not empty. Nothing can be missed: the list itself is what is waited for. The keys
stay Dramatiq's own. Recovery of a dead worker's messages runs every few seconds rather than on one call in
a thousand. Everything lost in here is at worst a delay: the inbox and the log are the truth.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import redis
from dramatiq import Message
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.middleware import Retries

from bus.connections import BLOCK_S
from bus.logs import logger

NAMESPACE = "dramatiq"
DELAYED = ".DQ"
HEARTBEAT_TIMEOUT_MS = 15_000
"""Silence after which a worker's unacknowledged messages go back to their queue."""
MAINTENANCE_EVERY_S = 3.0
MIN_BACKOFF_MS = 200
MAX_BACKOFF_MS = 15_000

_ENQUEUE_ONCE = """
local added = 0
for i = 1, #ARGV, 2 do
    if redis.call("hsetnx", KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
        redis.call("rpush", KEYS[1], ARGV[i])
        added = added + 1
    end
end
return added
"""


class Broker(RedisBroker):
    """Dramatiq's Redis broker with consumers that wake, and retries that never give up.

    A doorbell that could not be answered is retried without end, 0.2 s to 15 s apart: nobody else ends
    it. A command is not retried over the queue but by the sweep.
    """

    def __init__(self, client: redis.Redis) -> None:
        endless: Any = None  # which Retries understands, though its types do not say so
        retries = Retries(max_retries=endless, min_backoff=MIN_BACKOFF_MS, max_backoff=MAX_BACKOFF_MS)
        super().__init__(
            client=client,
            middleware=[retries],
            namespace=NAMESPACE,
            maintenance_chance=0,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        )
        self._enqueue_once = client.register_script(_ENQUEUE_ONCE)
        self.in_hand: defaultdict[str, set[str]] = defaultdict(set)
        """By queue, the ids in Redis of the messages that were handed out and are not settled."""

    @property
    def consumer_class(self) -> type[Consumer]:
        return BlockingConsumer

    def enqueue_once(self, messages: list[Message[None]]) -> int:
        """Enqueue messages of one queue, each unless a message with its id is waiting or in flight.

        Returns how many were enqueued. The id in Redis is the message's own, so what is already
        there is the same message and nothing newer is lost.
        """
        if not messages:
            return 0
        queue = f"{NAMESPACE}:{messages[0].queue_name}"
        pairs: list[str | bytes] = []
        for message in messages:
            known = message.copy(options={"redis_message_id": message.message_id})
            pairs += [message.message_id, known.encode()]
        return int(self._enqueue_once(keys=[queue, f"{queue}.msgs"], args=pairs))

    def absent(self, queue_name: str, message_ids: list[str]) -> list[str]:
        """Those of some ids that are neither waiting on a queue nor in flight."""
        with self.client.pipeline(transaction=False) as pipeline:
            for message_id in message_ids:
                pipeline.hexists(f"{NAMESPACE}:{queue_name}.msgs", message_id)
            present = pipeline.execute()
        return [message_id for message_id, is_there in zip(message_ids, present, strict=True) if not is_there]

    def maintain(self, queue_name: str) -> None:
        """Give the messages of workers that went silent back to a queue."""
        nothing_else = "qsize"
        now = current_millis()
        arguments = [nothing_else, now, queue_name, self.broker_id, self.heartbeat_timeout]
        self.scripts["dispatch"](
            keys=[self.namespace], args=[*arguments, self.dead_message_ttl, 1, self._max_unpack_size()]
        )


class BlockingConsumer(_RedisConsumer):
    """A consumer that blocks until there is work, or until an acknowledgement makes room for more."""

    def __init__(self, broker: Broker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._list = f"{NAMESPACE}:{queue_name}"
        self._room = threading.Event()
        self._maintained = 0.0
        self._reclaimed = False
        self._in_hand = broker.in_hand[queue_name]

    def __next__(self) -> MessageProxy | None:
        """The next message, or ``None`` after at most ``BLOCK_S`` without one."""
        try:
            if not self.message_cache:
                self._fetch()
            while self.message_cache:
                if (message := self._decoded(self.message_cache.pop(0))) is not None:
                    self._in_hand.add(message.options["redis_message_id"])
                    return message
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None
        return None

    def _reclaim(self) -> None:
        """Give back what an earlier consumer of this process fetched and lost with its connection.

        Its acknowledgement is owed by a process that lives, so nobody else would ever give it back. What
        worker threads have in hand is theirs; delayed messages were in the memory of that consumer's thread.
        """
        owed = self.broker.client.smembers(f"{NAMESPACE}:__acks__.{self.broker.broker_id}.{self.queue_name}")
        in_hand = set() if self.queue_name.endswith(DELAYED) else set(self._in_hand)
        lost = [message_id for message_id in owed if message_id.decode() not in in_hand]
        if lost:
            logger.info(
                "gave back what was lost with a connection", queue=self.queue_name, messages=len(lost)
            )
            self.broker.do_requeue(self.queue_name, *lost)
        self._reclaimed = True

    def _fetch(self) -> None:
        if not self._reclaimed:
            self._reclaim()
        if time.monotonic() - self._maintained > MAINTENANCE_EVERY_S:
            self.broker.maintain(self.queue_name)
            self._maintained = time.monotonic()
        self._room.clear()
        room = self.prefetch - self.outstanding_message_count
        if room <= 0:
            self._room.wait(BLOCK_S)
            return
        self.message_cache = self.broker.do_fetch(self.queue_name, room)
        # While it holds delayed messages, the thread must return often enough to see when they are due.
        delayed = self.queue_name.endswith(DELAYED) and self.outstanding_message_count
        patience = 0.1 if delayed else BLOCK_S
        if not self.message_cache and self.broker.client.blmove(
            self._list, self._list, patience, "LEFT", "LEFT"
        ):
            self.message_cache = self.broker.do_fetch(self.queue_name, room)

    def _decoded(self, data: bytes | None) -> MessageProxy | None:
        if data is None:
            return None
        try:
            message = Message.decode(data)
        except DecodeError:
            logger.exception("undecodable message", queue=self.queue_name)
            return None
        self.queued_message_ids.add(message.message_id)
        return MessageProxy(message)

    def ack(self, message: MessageProxy) -> None:
        self._settle(super().ack, message)

    def nack(self, message: MessageProxy) -> None:
        self._settle(super().nack, message)

    def _settle(self, settle: Callable[[MessageProxy], None], message: MessageProxy) -> None:
        try:
            settle(message)
            self._in_hand.discard(message.options["redis_message_id"])
        except redis.TimeoutError as error:  # not one of redis-py's ConnectionErrors
            raise ConnectionClosed(error) from None
        finally:
            self._room.set()

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        try:
            given_back = list(messages)
            super().requeue(given_back)
            self._in_hand.difference_update(m.options["redis_message_id"] for m in given_back)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None

    def close(self) -> None:
        """Give back what was fetched and not handed out."""
        cached, self.message_cache = self.message_cache, []
        self.requeue([m for m in map(self._decoded, cached) if m is not None])
