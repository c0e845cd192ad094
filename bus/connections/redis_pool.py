"""Pools of connections that follow the primary: they leave a Redis that has become read-only.

A primary that is demoted keeps the connections of its clients open. It answers reads, refuses
writes (READONLY), and ends blocking commands (UNBLOCKED). The first connection that meets this
makes its whole pool leave: idle connections are closed, those in use are renewed after their
command, and redis-py's one retry connects anew. The new connection resolves the host's name again,
or asks the sentinels again. A refused command has changed nothing, so the retry is safe.

A former primary that the sentinels cannot reach refuses nothing. So a pool that has sentinels asks
them every ``ASK_EVERY_S`` which server is the primary, and leaves when it is another one.
"""

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from bus.connections.redis_address import RedisAddress
from bus.connections.redis_connections import SocketConnection, over_tcp
from bus.observability.logs import logger

ASK_EVERY_S = 2.0
ASK_LATER_S = 10.0
"""The seconds to pause after a question that no sentinel answered: each may take its timeout."""
SENTINEL_TIMEOUT_S = 1.0
"""The seconds that one sentinel may take; then the pool asks the next one."""
QUIET_S = 10.0
"""The seconds without a connection that met a demoted server, before the next is logged again."""


class FollowingPool(ConnectionPool):
    """Connections to one address, which may come to mean another server."""

    OMIT_REPR_KEYS = ConnectionPool.OMIT_REPR_KEYS | {"owner"}  # which is this pool

    def __init__(self, **kwargs: Any) -> None:
        self.tell: Callable[[BaseException], object] = _LoggedOnce()
        super().__init__(owner=weakref.proxy(self), **kwargs)

    def leave(self) -> None:
        """Let every connection be made anew before its next command."""
        with self._lock:
            for connection in self._available_connections:
                connection.disconnect()
            for connection in self._in_use_connections:
                connection.mark_for_reconnect()

    def left(self, error: Exception) -> None:
        """Leave the server that a connection has found demoted."""
        self.leave()
        self.tell(error)

    def follow(self) -> None:
        """Do nothing: a new connection finds out which server the address means now."""


class SentinelPool(FollowingPool, SentinelConnectionPool):
    """Connections to the server that the sentinels call the primary."""

    def __init__(self, name: str, sentinels: Sentinel, **kwargs: Any) -> None:
        self._asking = threading.Lock()
        self._ask_at = 0.0
        self._followed: tuple[str, int] | None = None
        super().__init__(service_name=name, sentinel_manager=sentinels, **kwargs)

    def follow(self) -> None:
        """Ask the sentinels now and then. One caller asks, and the others go on meanwhile."""
        if time.monotonic() >= self._ask_at and self._asking.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._asking.release()

    def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Close connections.

        If those in use are closed, the pool is at its end: close those to the sentinels as well.
        """
        super().disconnect(inuse_connections)
        if inuse_connections:
            self.sentinel_manager.close()

    def _ask(self) -> None:
        try:
            primary = self.get_master_address()
        except redis.RedisError:  # nobody knows: what is connected goes on
            self._ask_at = time.monotonic() + ASK_LATER_S
            return
        if self._followed not in (None, primary):
            self.leave()
        self._followed = primary
        self._ask_at = time.monotonic() + ASK_EVERY_S


class _Sentinels(Sentinel):
    """The sentinels, asked one after the other."""

    def discover_master(self, service_name: str) -> Any:
        """Return the primary's host and port, or raise ``redis.ConnectionError`` if none tells."""
        try:
            return super().discover_master(service_name)
        except redis.ResponseError as error:
            refusal = f"REDIS_URL: a sentinel does not tell the primary: {error}"
            raise redis.ConnectionError(refusal) from error


class _LoggedOnce:
    """Logs the first of many connections that meet a demoted server."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._lock = threading.Lock()

    def __call__(self, error: BaseException) -> None:
        now = time.monotonic()
        with self._lock:
            is_news, self._last = now - self._last > QUIET_S, now
        if is_news:
            logger.warning("left a Redis that became read-only", error=error)


def pool_of(address: RedisAddress, timeout_s: float, retry: Retry) -> FollowingPool:
    """Return a pool for an address.

    Each step of connecting, sending and reading takes at most ``timeout_s``.
    """
    tls = dict(address.tls or {})
    common = {
        **_timeouts(timeout_s),
        **address.credentials,
        **tls,
        "health_check_interval": 15,
        "retry": retry,
    }
    if address.socket is not None:
        return FollowingPool(connection_class=SocketConnection, path=address.socket, **common)
    common["connection_class"] = over_tcp(tls=address.tls is not None, sentinels=address.primary is not None)
    if address.primary is None:
        host, port = address.servers[0]
        return FollowingPool(host=host, port=port, **common)
    to_sentinels = {
        **_timeouts(min(timeout_s, SENTINEL_TIMEOUT_S)),
        **address.sentinel_credentials,
        **tls,
        "ssl": address.tls is not None,
        "retry": Retry(NoBackoff(), 0),  # the next sentinel is asked instead
    }
    sentinels = _Sentinels(address.servers, sentinel_kwargs=to_sentinels)
    return SentinelPool(address.primary, sentinels, **common)


def tell_of_demotions(client: redis.Redis, tell: Callable[[BaseException], object]) -> None:
    """Call ``tell`` for each demotion that a client's pool meets, instead of logging it."""
    pool = client.connection_pool
    assert isinstance(pool, FollowingPool)  # noqa: S101 - what redis_client makes
    pool.tell = tell


def _timeouts(timeout_s: float) -> dict[str, float]:
    return {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
