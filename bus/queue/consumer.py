"""Blocks in Redis until there is work, fetches and acknowledges it in batches, and loses nothing.

Stock Dramatiq finds new work by polling with a growing backoff. Here ``BLMOVE`` of the queue's head
onto itself leaves the list as it was and wakes every blocked consumer when the list is not empty.
The consumer can miss nothing, because it waits for the list itself.

How a message is not lost: the fetch puts its id into this worker's set in Redis. The id stays there
until one script acknowledges the message: ends it, or moves it to the delayed ones or to the dead
letters. So wherever this process dies or loses its connection, the id is still in that set. Another
worker's maintenance or this process's next consumer gives it back.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import redis
from dramatiq import Message
from dramatiq.broker import MessageProxy
from dramatiq.brokers.redis import _RedisConsumer
from dramatiq.errors import ConnectionClosed, DecodeError

from bus.connections.clients import BLOCK_S
from bus.observability.logs import logger
from bus.primitives.group_commit import GroupCommit
from bus.queue import scripts
from bus.queue.keys import DELAYED, HEARTBEATS, QueueKeys
from bus.queue.retries import retry_id

if TYPE_CHECKING:
    from bus.queue.broker import Broker

MAINTENANCE_EVERY_S = 3.0
"""With the heartbeats' timeout of 15 s a dead worker's messages are back within 20 s."""
LOOK_FOR_DUE_S = 0.1
"""While it holds delayed messages, the thread returns this often to see which are due."""


class BlockingConsumer(_RedisConsumer):
    """One queue's consumer: its thread fetches with it, and the worker threads acknowledge."""

    def __init__(self, broker: "Broker", queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._keys = QueueKeys(queue_name)
        self._in_flight = self._keys.in_flight(broker.broker_id)
        self._onto_itself = self._keys.waiting, self._keys.waiting
        self._delays = queue_name.endswith(DELAYED)
        self._room = threading.Event()
        self._maintained = 0.0
        self._reclaimed = False
        self._emptied = False
        self._in_hand = broker.in_hand[queue_name]
        client: redis.Redis = broker.client
        self._fetch_script = client.register_script(scripts.FETCH)
        self._ack_script = client.register_script(scripts.ACK)
        self._retry_script = client.register_script(scripts.RETRY_LATER)
        self._bury_script = client.register_script(scripts.BURY)
        self._ack_together = GroupCommit(self._ack_all)

    def __next__(self) -> MessageProxy | None:
        """Return the next message, or ``None`` after at most ``BLOCK_S`` without one."""
        try:
            if not self.message_cache:
                self._fetch()
            while self.message_cache:
                redis_id, data = self.message_cache.pop(0)
                if (message := self._decoded(redis_id, data)) is not None:
                    self._in_hand.add(redis_id)
                    return message
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None
        return None

    def take(self, limit: int, *, waits: bool) -> list[MessageProxy]:
        """Return up to ``limit`` messages, for a thread that handles batches.

        The thread acknowledges them by ``end``. If there is no message and ``waits`` is set, this
        waits for one, at most for ``BLOCK_S``. A consumer is taken for alive as long as this is
        called, so call it also when there is room for none.
        """
        try:
            self._keep_up()
            found = [] if not limit or (waits and self._emptied) else self._fetched(limit)
            if not found and waits and self.broker.client.blmove(*self._onto_itself, BLOCK_S, "LEFT", "LEFT"):
                found = self._fetched(limit)
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None
        messages = [message for each in found if (message := self._decoded(*each)) is not None]
        self._in_hand.update(message.options["redis_message_id"] for message in messages)
        return messages

    def end(self, redis_ids: Sequence[str]) -> None:
        """Acknowledge messages that were taken and are done."""
        try:
            self._ack_all(redis_ids)
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None
        self._in_hand.difference_update(redis_ids)
        self.queued_message_ids.difference_update(redis_ids)

    def _keep_up(self) -> None:
        if not self._reclaimed:
            self._reclaim()
        if time.monotonic() - self._maintained > MAINTENANCE_EVERY_S:
            self.broker.maintain(self.queue_name)
            self._maintained = time.monotonic()

    def _fetch(self) -> None:
        self._keep_up()
        self._room.clear()
        if self.outstanding_message_count > self.prefetch // 2:  # a batch is worth waiting for
            self._room.wait(BLOCK_S)
            return
        if not self._emptied:
            self.message_cache = self._fetched(self.prefetch - self.outstanding_message_count)
        patience = LOOK_FOR_DUE_S if self._delays and self.outstanding_message_count else BLOCK_S
        if not self.message_cache and self.broker.client.blmove(*self._onto_itself, patience, "LEFT", "LEFT"):
            self.message_cache = self._fetched(self.prefetch - self.outstanding_message_count)

    def _fetched(self, room: int) -> list[tuple[str, bytes]]:
        """Return up to ``room`` messages, with their ids."""
        found: Sequence[bytes] = self._fetch_script(
            keys=[self._keys.waiting, self._keys.messages, self._in_flight, HEARTBEATS],
            args=[self.broker.broker_id, room],
        )
        self._emptied = len(found) < 2 * room  # what comes after that wakes who blocks
        return [(found[place].decode(), found[place + 1]) for place in range(0, len(found), 2)]

    def _reclaim(self) -> None:
        """Give back what an earlier consumer of this process fetched and lost with its connection.

        This process lives and owes the acknowledgement, so nobody else would ever give it back.
        What worker threads have in hand stays theirs. Delayed messages were in the memory of that
        consumer's thread, so all of them go back.
        """
        owed = self.broker.client.smembers(self._in_flight)
        in_hand = set() if self._delays else set(self._in_hand)
        lost = [message_id for message_id in owed if message_id.decode() not in in_hand]
        if lost:
            logger.info(
                "gave back what was lost with a connection", queue=self.queue_name, messages=len(lost)
            )
            self.broker.do_requeue(self.queue_name, *lost)
        self._reclaimed = True

    def _decoded(self, redis_id: str, data: bytes) -> MessageProxy | None:
        """Return the message; put an unreadable one aside, so that it harms none of its batch."""
        try:
            message = Message.decode(data)
            message.options["redis_message_id"] = redis_id
        except (DecodeError, TypeError) as error:
            logger.error("undecodable message", queue=self.queue_name, redis_id=redis_id, error=error)
            self._bury(redis_id, b"")
            return None
        self.queued_message_ids.add(message.message_id)
        return MessageProxy(message)

    def ack(self, message: MessageProxy) -> None:
        """End a message, or move it to the delayed ones if it is to be tried again.

        A delayed message that has become due has been moved by then (``Broker.enqueue``).
        """
        if "eta" in message.options and not self._delays:
            self._acknowledge(self._retry, message)
        else:
            self._acknowledge(self._end, message)

    def nack(self, message: MessageProxy) -> None:
        """Move a message to the dead letters, with the reason."""
        self._acknowledge(self._kill, message)

    def _acknowledge(self, acknowledge: Callable[[MessageProxy], None], message: MessageProxy) -> None:
        """Acknowledge a message, or raise ``ConnectionClosed``.

        Dramatiq repeats what raises that until it comes through.
        """
        try:
            acknowledge(message)
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None
        self._in_hand.discard(message.options["redis_message_id"])
        self.queued_message_ids.discard(message.message_id)
        self._room.set()

    def _end(self, message: MessageProxy) -> None:
        self._ack_together(message.options["redis_message_id"])

    def _ack_all(self, redis_ids: Sequence[str]) -> list[None]:
        self._ack_script(
            keys=[self._keys.messages, self._in_flight, HEARTBEATS],
            args=[self.broker.broker_id, *redis_ids],
        )
        return [None] * len(redis_ids)

    def _retry(self, message: MessageProxy) -> None:
        delayed = self._keys.delayed
        new_id = retry_id(message)
        later = message.copy(queue_name=delayed.queue_name, options={"redis_message_id": new_id})
        self._retry_script(
            keys=[self._keys.messages, self._in_flight, delayed.waiting, delayed.messages],
            args=[message.options["redis_message_id"], new_id, later.encode()],
        )

    def _kill(self, message: MessageProxy) -> None:
        error = message._exception  # noqa: SLF001 - what Dramatiq stuffed there for whoever acknowledges it
        reason = {"error": f"{type(error).__name__}: {error}"} if error is not None else {}
        self._bury(message.options["redis_message_id"], message.copy(options=reason).encode())

    def _bury(self, redis_id: str, data: bytes) -> None:
        self._bury_script(
            keys=[self._keys.messages, self._in_flight, self._keys.dead, self._keys.dead_messages],
            args=[redis_id, data],
        )

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._give_back([message.options["redis_message_id"] for message in messages])

    def _give_back(self, redis_ids: Sequence[Any]) -> None:
        if not redis_ids:
            return
        try:
            self.broker.do_requeue(self.queue_name, *redis_ids)
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None
        self._in_hand.difference_update(redis_ids)

    def close(self) -> None:
        """Give back what was fetched and not handed out."""
        cached, self.message_cache = self.message_cache, []
        self._give_back([redis_id for redis_id, _ in cached])
