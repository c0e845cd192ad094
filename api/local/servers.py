"""The servers that the environment does not bring, together on one data directory.

A data directory belongs to one instance at a time. The claim is a file lock that the system drops with the
process, so one left by a killed instance blocks nobody.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from api.local.mongod import Mongod
from api.local.process import ServerProcess
from api.local.redis_server import RedisServer
from bus.errors import ConfigurationError
from bus.settings import SERVERS_FILE, Settings


class LocalServers:
    """Starts on entering what ``REDIS_URL``, ``WRITE_MONGODB_URI`` and ``READ_MONGODB_URI`` leave unset.

    With ``WRITE_MONGODB_URI`` alone both sides use it; with ``READ_MONGODB_URI`` alone the write side
    gets the embedded mongod. Entering raises ConfigurationError when the data directory is in use or
    cannot be, ServerUnavailableError when a server cannot be started.
    """

    def __init__(self, settings: Settings) -> None:
        self._data_dir = settings.data_dir.resolve()
        self._settings = settings
        brought = settings.model_fields_set
        self._redis = None if "redis_url" in brought else RedisServer(self._data_dir)
        self._mongod = None if "write_mongodb_uri" in brought else Mongod(self._data_dir)
        self._running = ExitStack()

    @property
    def environ(self) -> dict[str, str]:
        """Where the servers are, as the variables that ``Settings`` reads."""
        write_uri = self._mongod.uri if self._mongod else self._settings.write_mongodb_uri
        own_read_uri = "read_mongodb_uri" in self._settings.model_fields_set
        return {
            "REDIS_URL": self._redis.url if self._redis else self._settings.redis_url,
            "WRITE_MONGODB_URI": write_uri,
            "READ_MONGODB_URI": self._settings.read_mongodb_uri if own_read_uri else write_uri,
        }

    def restart_dead(self) -> list[str]:
        """Start again, where they were, those that have died; return their names."""
        dead = [server for server in self._servers() if server.pid is None]
        for server in dead:
            server.start()
        return [server.name for server in dead]

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(claim(self._data_dir))
            for server in self._servers():
                starting.enter_context(server)
            starting.enter_context(self._told_in(self._data_dir / SERVERS_FILE))
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @contextmanager
    def _told_in(self, file: Path) -> Iterator[None]:
        """Say where the servers are, and in which zone the shop, for commands in another shell.

        A password in it is its owner's.
        """
        told = {**self.environ, "SHOP_TIME_ZONE": self._settings.shop_time_zone}
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}='{value}'\n" for name, value in told.items()))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def _servers(self) -> list[ServerProcess]:
        return [server for server in (self._redis, self._mongod) if server is not None]


@contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Hold the data directory while the block runs.

    Raises:
        ConfigurationError: another instance holds it, or it cannot be written.

    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a+")
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {data_dir} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise ConfigurationError(
                f"DATA_DIR: another instance (pid {holder}) uses {data_dir}; stop it or set another DATA_DIR"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
