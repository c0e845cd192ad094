"""The servers that the environment does not bring, together on one data directory.

A data directory belongs to one instance at a time. The claim is a file lock, which the system drops
with the process. So a killed instance leaves no lock that blocks others. The directory is closed to
other users of the machine, which closes the files in it as well.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from api.local.kept_secret import OWNER_ONLY, kept_secret
from api.local.mongod import Mongod
from api.local.process import ServerProcess
from api.local.redis_server import RedisServer
from bus.errors import ConfigurationError
from bus.settings import KEYS, LOCAL_SECRET, LOCK_FILE, SERVERS_FILE, Settings, lock

TOLD = (
    *("write_database", "read_database", "log_partitions", "shop_time_zone"),
    *("api_port", "jwt_issuer", "jwt_audience", "jwt_customer_claim"),
)
"""The settings that a command in another shell needs beside the servers, to work on this system."""
CLAIM_S = 0.5
"""The seconds to wait for commands that test the lock: each holds it for microseconds."""


class LocalServers:
    """Starts on entering the servers that the settings leave unset.

    The settings are ``REDIS_URL``, ``WRITE_MONGODB_URI`` and ``READ_MONGODB_URI``.

    With ``WRITE_MONGODB_URI`` alone both sides use it; with ``READ_MONGODB_URI`` alone the write
    side gets the embedded mongod. Entering raises ConfigurationError if the data directory is in
    use or cannot be used, and ServerUnavailableError if a server cannot be started.
    """

    def __init__(self, settings: Settings) -> None:
        self._data_dir = settings.data_dir.resolve()
        self._settings = settings
        brought = settings.model_fields_set
        self._redis = None if "redis_url" in brought else RedisServer(self._data_dir, guarded=True)
        self._mongod = None if "write_mongodb_uri" in brought else Mongod(self._data_dir, guarded=True)
        self._running = ExitStack()

    @property
    def environ(self) -> dict[str, str]:
        """The addresses of the servers, as the variables that ``Settings`` reads."""
        write_uri = self._mongod.uri if self._mongod else self._settings.write_mongodb_uri.get_secret_value()
        read_uri = self._settings.read_mongodb_uri.get_secret_value()
        own_read_uri = "read_mongodb_uri" in self._settings.model_fields_set
        return {
            "REDIS_URL": self._redis.url if self._redis else self._settings.redis_url.get_secret_value(),
            "WRITE_MONGODB_URI": write_uri,
            "READ_MONGODB_URI": read_uri if own_read_uri else write_uri,
        }

    @property
    def told(self) -> dict[str, str]:
        """The variables that the processes, and commands beside them, need of this system."""
        values = {name.upper(): getattr(self._settings, name) for name in (*TOLD, *sorted(KEYS))}
        told = {name: _plain(value) for name, value in values.items() if value is not None}
        if not KEYS & self._settings.model_fields_set:
            told["JWT_SECRET"] = kept_secret(self._data_dir / LOCAL_SECRET)
        return self.environ | told

    def restart_dead(self) -> list[str]:
        """Restart the servers that have died, where they were; return their names."""
        dead = [server for server in self._servers() if server.pid is None]
        for server in dead:
            server.start()
        return [server.name for server in dead]

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(claim(self._data_dir))
            (self._data_dir / SERVERS_FILE).unlink(missing_ok=True)  # a killed instance's
            for server in self._servers():
                starting.enter_context(server)
            starting.enter_context(self._told_in(self._data_dir / SERVERS_FILE))
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @contextmanager
    def _told_in(self, file: Path) -> Iterator[None]:
        """Keep ``told`` in a file for commands in another shell; only its owner can read it."""
        file.touch(mode=OWNER_ONLY)
        file.write_text("".join(f"{name}='{value}'\n" for name, value in self.told.items()))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def _servers(self) -> list[ServerProcess]:
        return [server for server in (self._redis, self._mongod) if server is not None]


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


@contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Hold the data directory while the block runs, and close it to other users.

    Raises:
        ConfigurationError: another instance holds it, it cannot be written, or others share it.

    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if data_dir.stat().st_mode & stat.S_ISVTX:
            raise ConfigurationError(f"DATA_DIR: {data_dir} is shared with others; set a folder of its own")
        data_dir.chmod(0o700)
        file = (data_dir / LOCK_FILE).open("a+")
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {data_dir} cannot be used: {error.strerror}") from None
    with file:
        end = time.monotonic() + CLAIM_S
        while not lock(file, exclusive=True):
            if time.monotonic() > end:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise ConfigurationError(
                    f"DATA_DIR: another instance (pid {holder}) uses {data_dir}; stop it or set another"
                    " DATA_DIR"
                )
            time.sleep(CLAIM_S / 10)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
