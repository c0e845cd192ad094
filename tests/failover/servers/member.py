"""One mongod of a replica set of three, on a port of its own that only the switchboard and the tests use."""

import os
from pathlib import Path
from signal import SIGCONT, SIGSTOP, Signals
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from api.local import ports
from api.local.mongod import Mongod

CACHE_GB = 0.25
LOOK_MS = 1_000
OPLOG_MB = 128
SOURCE_S = 1
"""How long a secondary waits for a member that it reads from and that is silent, beside what it waits anyway.

With MongoDB's 5 s, a frozen primary leaves the next one alone for 10 s: it is elected in 3, and then nobody
confirms its writes, as the other secondary still waits for the frozen one (docs/operating.md).
"""


class Member(Mongod):
    """``title`` tells it from the others. When started it answers, whatever its part in the set is."""

    def __init__(self, folder: Path, title: str) -> None:
        super().__init__(folder / title, CACHE_GB)
        self.title = title
        self._direct: MongoClient[dict[str, Any]] | None = None

    @property
    def direct(self) -> MongoClient[dict[str, Any]]:
        """A client past the network and past the set, which gives up after a second."""
        if self._direct is None:
            self._direct = MongoClient(
                ports.HOST,
                self.port,
                directConnection=True,
                serverSelectionTimeoutMS=LOOK_MS,
                connectTimeoutMS=LOOK_MS,
                socketTimeoutMS=LOOK_MS,
                retryReads=False,
            )
        return self._direct

    def hello(self) -> dict[str, Any] | None:
        """What it says of its part in the set; ``None`` if it does not answer."""
        if self.pid is None:
            return None
        try:
            return self.direct.admin.command("hello")
        except PyMongoError:
            return None

    def pause(self) -> None:
        self._signal(SIGSTOP)

    def resume(self) -> None:
        self._signal(SIGCONT)

    def kill(self) -> None:
        super().kill()
        self._forget()

    def stop(self) -> None:
        super().stop()
        self._forget()

    def _forget(self) -> None:
        if self._direct is not None:
            self._direct.close()
            self._direct = None

    def _signal(self, number: Signals) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def _arguments(self, port: int) -> list[str]:
        arguments = super()._arguments(port)
        arguments[arguments.index("--oplogSize") + 1] = str(OPLOG_MB)
        return [*arguments, "--setParameter", f"oplogNetworkTimeoutBufferSeconds={SOURCE_S}"]

    def _is_ready(self, port: int, pid: int) -> bool:
        client: MongoClient[dict[str, Any]] = MongoClient(
            ports.HOST, port, directConnection=True, serverSelectionTimeoutMS=LOOK_MS, socketTimeoutMS=LOOK_MS
        )
        with client:
            try:
                return bool(client.admin.command("serverStatus")["pid"] == pid)
            except PyMongoError:  # still starting
                return False
