"""A replica set that elects only when it is told to, for tests that have to be quicker than an election."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.local.mongod import Mongod
from bus.settings import Settings
from tests.failover.directed.connections import Connections
from tests.failover.servers.replica_set import ReplicaSet, when_told
from tests.integration.sides import WriteSide
from tests.support import messages
from tests.support.server_folders import server_folder
from tests.support.shared import Shared

SHARED = Shared(Path(__file__).parent)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SHARED)


@contextmanager
def _own_replica_set() -> Iterator[ReplicaSet]:
    with server_folder("twofold-tests-") as folder, when_told(folder) as replica_set:
        yield replica_set


@pytest.fixture
def replica_set() -> Iterator[ReplicaSet]:
    """All members run, are well, and can reach each other.

    So they are left, too: members that look for one that is gone keep a processor busy.
    """
    replica_set = SHARED.get(_own_replica_set)
    yield replica_set
    replica_set.restore()


@pytest.fixture
def both_sides(replica_set: ReplicaSet, mongo_server: Mongod) -> Settings:
    """The write side on the replica set, the read side on a server that stays; databases of their own."""
    test = uuid.uuid4().hex[:12]
    return Settings(
        write_mongodb_uri=replica_set.uri,
        write_database=f"write_{test}",
        read_mongodb_uri=mongo_server.uri,
        read_database=f"read_{test}",
    )


@pytest.fixture
def connections(both_sides: Settings, replica_set: ReplicaSet) -> Iterator[Connections]:
    with ExitStack() as stack:
        yield Connections(both_sides, replica_set, stack)


@pytest.fixture
def write(connections: Connections) -> WriteSide:
    """A customer, and what it may order."""
    write = connections.write_side()
    write.create()
    for command in (
        messages.register_customer(),
        messages.add_product(),
        messages.add_product(product_id="p2", name="Tea", unit_price=450),
    ):
        write.do(command)
    return write
