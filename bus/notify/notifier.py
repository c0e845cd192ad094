"""Announcements over Redis: "this command is finished", "this read model has got this far".

And, on a channel of their own, "this partition of the log has something new", for the projections'
workers.

They save waiting callers from polling MongoDB, and carry no truth. A waiter registers before it
asks for something. It looks at the database when woken, and once more at its deadline, since
announcements can be missed. One listener thread per process serves all waiters.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager

import redis

from bus.notify.primary_check import PrimaryCheck
from bus.notify.wakeup import Wakeup
from bus.observability.interruption import Interruption
from bus.observability.logs import logger

CHANNEL = "twofold:signals"
APPENDS = "twofold:appends"
"""A channel apart from the other, so that a process hears only what it waits for.

Hearing costs some 50 us for each message.
"""
RECONNECT_S = 1.0
LISTEN_S = 0.2
"""The longest wait of the listener in a row, and so the time until it notices a stop."""
STOP_S = 0.3


def finished(command_id: str) -> str:
    """Return the topic of a command's outcome."""
    return f"finished:{command_id}"


def reached(read_model: str, generation: int, partition: int) -> str:
    """Return the topic of a read model's progress in a partition.

    It is announced with the position reached.
    """
    return f"reached:{read_model}.g{generation}/{partition}"


def appended(partition: int) -> str:
    """Return the topic of a partition of the log that has something new; on ``APPENDS``."""
    return f"appended:{partition}"


def freed(partition: int) -> str:
    """Return the topic of a partition whose leases a projections' worker has given up.

    It is announced on ``APPENDS``.
    """
    return f"freed:{partition}"


def announce(client: redis.Redis, topics: Iterable[str], channel: str = CHANNEL) -> None:
    """Tell every listener, in one message; raises ``redis.RedisError`` when Redis is away."""
    client.publish(channel, "\n".join(topics))


def announce_positions(client: redis.Redis, positions: Mapping[str, int]) -> None:
    """Tell every listener how far topics have got.

    Raises ``redis.RedisError`` when Redis is away.
    """
    announce(client, (f"{topic}={position}" for topic, position in positions.items()))


class Notifier:
    """Hands announcements to the waiters that expect them."""

    def __init__(self, client: redis.Redis, channel: str = CHANNEL) -> None:
        self._client = client
        self._channel = channel
        self._waiting: defaultdict[str, set[Wakeup]] = defaultdict(set)
        self._positions: dict[str, int] = {}
        self._lock = threading.Lock()
        self._silence = Interruption("no signals while Redis is away", "listening for signals again")
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._listen, name="signals", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """End the listener; a listener that waits for a hanging Redis is left behind."""
        self._stopping.set()
        if self.thread.is_alive():
            self.thread.join(STOP_S)

    @property
    def alive(self) -> bool:
        """Return True if the listener runs; without it waiters see all, but at their deadlines."""
        return self.thread.is_alive()

    def position(self, topic: str) -> int:
        """Return the position last announced for a topic; 0 if none was.

        It is a hint: the database has the truth.
        """
        return self._positions.get(topic, 0)

    def wake_all(self) -> None:
        """Let every waiter look for itself."""
        with self._lock:
            woken = set().union(*self._waiting.values())
        for wakeup in woken:
            wakeup.set()

    @contextmanager
    def expect(
        self,
        topics: Iterable[str],
        is_worth_it: Callable[[], bool] | None = None,
        wakeup: Wakeup | None = None,
    ) -> Iterator[Wakeup]:
        """Yield a wakeup that an announcement of any topic sets while the block runs.

        The wakeup is new unless one is given. With ``is_worth_it``, a new one is set only if that
        returns True; it must be quick.
        """
        wakeup = wakeup or (Wakeup() if is_worth_it is None else Wakeup(is_worth_it))
        wanted = tuple(topics)
        with self._lock:
            for topic in wanted:
                self._waiting[topic].add(wakeup)
        try:
            yield wakeup
        finally:
            with self._lock:
                for topic in wanted:
                    self._waiting[topic].discard(wakeup)
                    if not self._waiting[topic]:
                        del self._waiting[topic]

    def _listen(self) -> None:
        """Listen until told to stop, whatever happens: nobody would start this thread again."""
        while not self._stopping.is_set():
            try:
                self._listen_on_a_connection()
            except redis.RedisError as error:
                self._silence.begin(error)
                self._stopping.wait(RECONNECT_S)
            except Exception:  # noqa: BLE001 - whatever it is, waiters look by themselves meanwhile
                if not self._silence.is_on:
                    logger.exception("the listener failed and begins again")
                self._silence.is_on = True
                self._stopping.wait(RECONNECT_S)

    def _listen_on_a_connection(self) -> None:
        """Listen until that connection fails or the primary is another server."""
        with closing(PrimaryCheck(self._client)) as primary_check, self._client.pubsub() as pubsub:
            pubsub.subscribe(self._channel)
            while not self._stopping.is_set():
                if primary_check.finds_another_server():
                    return
                message = pubsub.get_message(timeout=LISTEN_S)
                if message is None:
                    continue
                if message["type"] == "message":
                    self._wake(message["data"].decode(errors="replace").split("\n"))
                    continue
                # Subscribed, perhaps again and by redis-py itself: what was announced meanwhile was
                # missed, so everybody looks.
                self.wake_all()
                self._silence.end()

    def _wake(self, topics: Iterable[str]) -> None:
        concerned: set[Wakeup] = set()
        with self._lock:
            for told in topics:
                topic, _, position = told.partition("=")
                if position.isdecimal():  # anybody can publish here: what is no position is none
                    self._positions[topic] = int(position)
                concerned |= self._waiting.get(topic, set())
        for wakeup in concerned:
            if wakeup.is_worth_it():
                wakeup.set()
