"""Connections to Redis that close when the server says that it is a replica now.

redis-py closes only connections that it manages with sentinels, and only for READONLY. Here every
kind of connection closes, for every answer that a demoted server gives.
"""

from typing import Any, Protocol

import redis
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.utils import SENTINEL

DEMOTED = ("READONLY", "UNBLOCKED", "MASTERDOWN")
"""The starts of answers that refuse a write, end a blocking command, or refuse a read while the new
primary is not reached."""
_IN_SCRIPT = "-READONLY"  # how servers before 7.0 quote what stopped a script


class Owner(Protocol):
    """The pool of a connection."""

    def left(self, error: Exception) -> None:
        """Hear that a connection has met a demoted server."""

    def follow(self) -> None:
        """Find out, now and then, whether the primary is another server."""


def says_demoted(error: redis.ResponseError) -> bool:
    """Return True if an answer says that the server has become a replica."""
    if isinstance(error, redis.ReadOnlyError | redis.exceptions.MasterDownError):
        return True
    return str(error).startswith(DEMOTED) or _IN_SCRIPT in str(error)


class _Leaving(AbstractConnection):
    """Turns the answer of a demoted server into a ConnectionError, and tells its pool."""

    def __init__(self, *, owner: Owner, **kwargs: Any) -> None:
        self._owner = owner
        super().__init__(**kwargs)

    def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        try:
            super().on_connect_check_health(check_health=check_health)
        except redis.ResponseError as error:
            if "DB index" not in str(error):
                raise
            raise redis.ConnectionError(f"REDIS_URL: the server has no database {self.db}") from error

    def read_response(
        self,
        disable_decoding: bool = False,  # noqa: FBT001, FBT002 - redis-py's
        *,
        timeout: Any = SENTINEL,
        disconnect_on_error: bool | None = True,
        push_request: bool | None = False,
    ) -> Any:
        """Return the answer to a command.

        It bypasses ``SentinelManagedConnection.read_response``, which leaves a connection open
        after a timeout. The late answer would then be taken for the answer to the next command.
        """
        try:
            return AbstractConnection.read_response(
                self,
                disable_decoding,
                timeout=timeout,
                disconnect_on_error=disconnect_on_error,
                push_request=push_request,
            )
        except redis.ResponseError as error:
            if not says_demoted(error):
                raise
            left = redis.ConnectionError(f"{self._host_error()} is read-only: {error}")
            self._owner.left(left)
            self.disconnect()
            raise left from error


class _TcpConnection(_Leaving, Connection):
    pass


class _TlsConnection(_Leaving, SSLConnection):
    pass


class _Following(_Leaving):
    """Lets its pool ask the sentinels before a command, but not while it connects."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002
        if check_health:
            self._owner.follow()
        super().send_packed_command(command, check_health)


class _SentinelConnection(_Following, SentinelManagedConnection):
    pass


class _SentinelTlsConnection(_Following, SentinelManagedSSLConnection):
    pass


class SocketConnection(_Leaving, UnixDomainSocketConnection):
    """A connection through a Unix socket."""


def over_tcp(*, tls: bool, sentinels: bool) -> type[AbstractConnection]:
    """Return the class of connections over TCP."""
    if sentinels:
        return _SentinelTlsConnection if tls else _SentinelConnection
    return _TlsConnection if tls else _TcpConnection
