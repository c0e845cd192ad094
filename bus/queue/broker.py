"""The one place where Dramatiq meets Redis: puts messages on the queues and gives them back.

The keys stay exactly Dramatiq's own, so that ``redis-cli`` shows what every Dramatiq user expects.
This broker differs from ``RedisBroker`` where that has faults: consumers block instead of polling
(``bus.queue.consumer``), a retry can neither be lost nor multiply (``bus.queue.retries``), an id
that is in flight is not enqueued again, the messages of a dead worker are back within 20 s also on
an idle queue, and dead letters do not expire. A loss in here is at worst a delay: the inbox and the
log are the truth.
"""

from collections import defaultdict
from typing import Any
from uuid import uuid4

import dramatiq
import redis
from dramatiq import Message
from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis

from bus.queue import scripts
from bus.queue.consumer import BlockingConsumer
from bus.queue.encoding import OrjsonEncoder
from bus.queue.keys import ACKS, HEARTBEATS, NAMESPACE, QueueKeys
from bus.queue.retries import RetryLater

HEARTBEAT_TIMEOUT_MS = 15_000
"""The silence after which a worker's unacknowledged messages go back to their queue."""
NEVER_MS = 10**14
"""The age at which dead letters are dropped: some three thousand years."""


class Broker(RedisBroker):
    """Dramatiq's Redis broker with consumers that wake, and retries that never give up.

    A doorbell that could not be answered is retried without end, since nothing else answers it. The
    sweep retries a command; the queue does not.
    """

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(
            client=client,
            middleware=[RetryLater()],
            namespace=NAMESPACE,
            maintenance_chance=0,  # not by chance but by the clock, in BlockingConsumer
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
            dead_message_ttl=NEVER_MS,
        )
        dramatiq.set_encoder(OrjsonEncoder())
        self._enqueue = client.register_script(scripts.ENQUEUE)
        self._enqueue_once = client.register_script(scripts.ENQUEUE_ONCE)
        self._become_due = client.register_script(scripts.BECOME_DUE)
        self._requeue = client.register_script(scripts.REQUEUE)
        self._maintain = client.register_script(scripts.MAINTAIN)
        self.in_hand: defaultdict[str, set[str]] = defaultdict(set)
        """The ids in Redis, by queue, of the messages that were handed out and not acknowledged."""

    @property
    def consumer_class(self) -> type[Consumer]:
        return BlockingConsumer

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message, now or in ``delay`` ms; move one that was delayed and has become due.

        Dramatiq's consumer of delayed messages calls this with a message that it holds, and then
        acknowledges that one.
        """
        delayed = QueueKeys(message.queue_name).delayed
        held = message.options.get("redis_message_id")
        if delay is not None or held not in self.in_hand[delayed.queue_name]:
            return super().enqueue(message, delay=delay)
        keys, redis_id = QueueKeys(message.queue_name), str(uuid4())
        due = message.copy(options={"redis_message_id": redis_id})
        self._become_due(
            keys=[delayed.messages, delayed.in_flight(self.broker_id), keys.waiting, keys.messages],
            args=[held, redis_id, due.encode()],
        )
        return due

    def enqueue_later(self, message: Message[Any], delay_ms: int, message_id: str) -> bool:
        """Enqueue a message in ``delay_ms``, unless one with this id is delayed already.

        Returns True if it was not delayed already. A delayed message that is found is still to
        come, as it leaves its queue when it becomes due.
        """
        later = message.copy(
            message_id=message_id,
            queue_name=QueueKeys(message.queue_name).delayed.queue_name,
            options={"eta": current_millis() + delay_ms},
        )
        return self.enqueue_once([later]) == 1

    def enqueue_once(self, messages: list[Message[None]]) -> int:
        """Enqueue messages of one queue, each unless its id is waiting or in flight.

        Returns how many it enqueued. The id in Redis is the message's own. So what is already there
        is the same message, and nothing newer is lost. The id is not written into the message once
        more.
        """
        if not messages:
            return 0
        keys = QueueKeys(messages[0].queue_name)
        pairs: list[str | bytes] = []
        for message in messages:
            pairs += [message.message_id, message.encode()]
        return int(self._enqueue_once(keys=[keys.waiting, keys.messages], args=pairs))

    def absent(self, queue_name: str, message_ids: list[str]) -> list[str]:
        """Return the ids that are neither waiting on a queue nor in flight."""
        if not message_ids:
            return []
        found = self.client.hmget(QueueKeys(queue_name).messages, message_ids)
        return [message_id for message_id, stored in zip(message_ids, found, strict=True) if stored is None]

    def maintain(self, queue_name: str) -> int:
        """Report that this worker lives, and give messages of silent workers back to a queue."""
        keys = QueueKeys(queue_name)
        return int(
            self._maintain(
                keys=[keys.waiting, keys.messages, HEARTBEATS],
                args=[self.broker_id, self.heartbeat_timeout, ACKS, queue_name],
            )
        )

    def do_enqueue(self, queue_name: str, redis_id: str, data: bytes) -> None:
        """Enqueue an encoded message; ``enqueue`` ends in this."""
        keys = QueueKeys(queue_name)
        self._enqueue(keys=[keys.waiting, keys.messages], args=[redis_id, data])

    def do_requeue(self, queue_name: str, *redis_ids: str | bytes) -> None:
        """Give messages that this worker has fetched back to their queue."""
        keys = QueueKeys(queue_name)
        self._requeue(keys=[keys.waiting, keys.messages, keys.in_flight(self.broker_id)], args=redis_ids)
