"""Checks that the servers of a command are there before the command does anything.

A process waits for its servers. A person waits for a command, so the command says at once which
variable leads nowhere. That is certain when no server of the address accepts a connection. Any
other failure to connect may pass, because a server may be slow, start, or fail over. So the command
asks again for ``BOUND_S``.
"""

import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import pymongo
import redis
from pymongo.errors import ConnectionFailure, PyMongoError

from bus.connections.clients import mongo_client, redis_client
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.redis_address import RedisAddress
from bus.errors import ServerUnavailableError
from bus.primitives.termination import apart_from_signals
from bus.settings import Settings

REDIS_URL = "REDIS_URL"
FIRST_S = 0.2
"""The seconds that the first question waits. Each further one waits three times as long, up to
``LONGEST_S``."""
LONGEST_S = 4.0
BOUND_S = 10.0
"""A question that fails after so many seconds is the last one. MongoDB elects a new primary within
about that time after one was killed."""
CONNECT_S = 0.5

Address = tuple[str, int | None]
"""Host and port, or the path of a socket."""


def settings_with_servers(*variables: str) -> Settings:
    """Return ``Settings.for_command_line`` once the servers that the variables name have answered.

    Raises:
        ConfigurationError: a variable is wrong.
        ServerUnavailableError: a server is not there; the message names variable and address.

    """
    settings = Settings.for_command_line()
    ask: Mapping[str, Callable[[], None]] = {
        WRITE_URI: lambda: _ask_mongodb(settings.write_mongodb_uri.get_secret_value()),
        READ_URI: lambda: _ask_mongodb(settings.read_mongodb_uri.get_secret_value()),
        REDIS_URL: lambda: _ask_redis(settings),
    }
    for variable in variables:
        try:
            apart_from_signals(ask[variable])
        except ServerUnavailableError as error:
            unset = variable.lower() not in settings.model_fields_set
            why = f" (not set, and no `make run` goes on in {settings.data_dir})" if unset else ""
            raise ServerUnavailableError(f"{variable}{why}: a server cannot be reached: {error}") from None
    return settings


def refusals(addresses: Iterable[Address]) -> list[str]:
    """Return why each address has no server; empty if that is not certain of one of them."""
    found = []
    for host, port in addresses:
        try:
            _connect(host, port)
        except (ConnectionRefusedError, FileNotFoundError) as error:
            found.append(f"{_named((host, port))}: {error.strerror}")
        except OSError as error:
            if not isinstance(error, socket.gaierror) or error.errno != socket.EAI_NONAME:
                return []
            found.append(f"{_named((host, port))}: {error.strerror}")
        else:
            return []
    return found


def _connect(host: str, port: int | None) -> None:
    if port is not None:
        socket.create_connection((host, port), CONNECT_S).close()
        return
    with socket.socket(socket.AF_UNIX) as unix:
        unix.settimeout(CONNECT_S)
        unix.connect(host)


def _named(address: Address) -> str:
    host, port = address
    return host if port is None else f"{host}:{port}"


def _ask_mongodb(uri: str) -> None:
    with mongo_client(uri) as client:

        def ask(within_s: float) -> None:
            with pymongo.timeout(within_s):
                client.admin.command("ping")

        _until_answered(ask, lambda: list(client.topology_description.server_descriptions()))


def _ask_redis(settings: Settings) -> None:
    address = RedisAddress.parse(settings.redis_url.get_secret_value())
    servers = [(address.socket, None)] if address.socket else address.servers

    def ask(within_s: float) -> None:
        with redis_client(settings, within_s) as client:
            client.ping()

    _until_answered(ask, lambda: servers)


def _until_answered(ask: Callable[[float], None], addresses: Callable[[], Sequence[Address]]) -> None:
    within_s, end = FIRST_S, time.monotonic() + BOUND_S
    while True:
        asked_at = time.monotonic()
        try:
            return ask(within_s)
        except (PyMongoError, redis.RedisError) as error:
            asked = addresses()
            if refused := refusals(asked):
                raise ServerUnavailableError("; ".join(refused)) from None
            if not _may_pass(error) or time.monotonic() > end:
                raise ServerUnavailableError(_in_words(error, ", ".join(map(_named, asked)))) from None
        time.sleep(max(0.0, asked_at + within_s - time.monotonic()))
        within_s = min(3 * within_s, LONGEST_S)


def _may_pass(error: PyMongoError | redis.RedisError) -> bool:
    """Return False for a wrong password, or another refusal by a server that is there."""
    if isinstance(error, PyMongoError):
        return isinstance(error, ConnectionFailure) or error.timeout
    wrong = redis.ResponseError, redis.AuthenticationError, redis.exceptions.AuthorizationError
    return not isinstance(error, wrong) and not isinstance(error.__cause__, wrong)


def _in_words(error: Exception, where: str) -> str:
    """Return the address and a driver's message, cut before its options and all that it knows."""
    said, *_ = re.split(r",| \(configured| : <", str(error))
    return f"{where}: {said.removeprefix(f'{where}: ').removeprefix(f'{REDIS_URL}: ')}"
