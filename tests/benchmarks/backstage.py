"""Backstage: where a queue is filled out of sight, to come on all at once when the clock starts.

Messages are enqueued by the contestant's own broker into a second database of the same Redis, which no worker
looks at. ``raise_curtain`` moves the queues' keys over in one step, whatever their length; to the workers
it is as if all had been enqueued at that moment, and who blocks on a queue wakes.
"""

from typing import Any

import redis

NAMESPACE = b"dramatiq:"
OWN = b"dramatiq:__"
"""What the keys of the enqueuing broker itself (its heartbeat) start with: they stay."""


class Backstage:
    """The second database of the Redis at ``url``."""

    def __init__(self, url: str) -> None:
        server, _, database = url.rpartition("/")
        self._stage = int(database)
        self.url = f"{server}/{self._stage + 1}"
        self._client = redis.Redis.from_url(self.url)

    def clear(self) -> None:
        self._client.flushdb()

    def raise_curtain(self) -> None:
        """Move everything on.

        Raises:
            RuntimeError: what is on has not been worked off.

        """
        found: list[Any] = self._client.keys(NAMESPACE + b"*")
        keys = [key for key in found if not key.startswith(OWN)]
        with self._client.pipeline(transaction=True) as pipeline:
            for key in sorted(keys, reverse=True):  # the messages before the list that makes workers look
                pipeline.move(key, self._stage)
            moved = pipeline.execute()
        if not all(moved):
            raise RuntimeError(f"a queue was not empty: {keys}, {moved}")

    def waiting(self, queue: str) -> int:
        """How many messages a queue has there."""
        return int(self._client.hlen(f"{NAMESPACE.decode()}{queue}.msgs"))

    def close(self) -> None:
        self._client.close()
