"""Tells if a connection that only listens still leads to the primary.

A listener does not notice that a server hangs or has been demoted. The check writes on a connection
of its own every ``PROBE_EVERY_S``; what ends that connection may have ended the listener's, too.
The check connects first. So if the address comes to mean another server between the two, the check
is the one on the former primary, and notices.
"""

import time

import redis

from bus.connections.clients import probe_redis

PROBE_EVERY_S = 2.0


class PrimaryCheck:
    """Checks the primary; raises ``redis.RedisError`` when Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client.client()  # which has one connection of its own
        self._connection = self._client.connection
        self._connection.register_connect_callback(self._note)
        self._is_new = False
        self._probe_at = time.monotonic() + PROBE_EVERY_S

    def finds_another_server(self) -> bool:
        """Return True if the check's connection had to be made anew.

        It probes the server every ``PROBE_EVERY_S``.
        """
        now = time.monotonic()
        if now >= self._probe_at:
            self._probe_at = now + PROBE_EVERY_S
            probe_redis(self._client)
        return self._is_new

    def close(self) -> None:
        self._connection.deregister_connect_callback(self._note)
        self._client.close()

    def _note(self, _connection: object) -> None:
        self._is_new = True
