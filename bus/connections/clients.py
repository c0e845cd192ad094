"""Connects every process to MongoDB and Redis: durable writes, bounded waits, UTC times.

Clients are built in mains and in ``create_app`` and passed on; they connect when first used.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import redis
from bson.codec_options import CodecOptions
from pymongo import MongoClient, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from bus.connections.redis_address import RedisAddress
from bus.connections.redis_pool import pool_of
from bus.settings import Settings

StoredDocument = dict[str, Any]
CODEC: CodecOptions[StoredDocument] = CodecOptions(tz_aware=True)
DURABLE = WriteConcern(w="majority", j=True)
"""A ``kill -9`` of mongod lost hundreds of acknowledged writes with anything less."""
SETTLED = ReadConcern("majority")
"""Reads only what no failover can take back. A new primary may show less of it than the last."""
UNSETTLED = ReadConcern("local")
"""Reads what the primary has at the moment; a failover may take it back."""

DUPLICATE_KEY = 11000
"""MongoDB's code for a write that a unique index refused."""

WORKER_TIMEOUT_MS = 10_000
"""The bound on one MongoDB operation, retries included, in workers."""
WEB_TIMEOUT_MS = 1_500
"""The same in the API, which has to answer within 5 s.

A request may wait for its turn for 2 s (``api.middleware.deadline``), then for the batch of another
one, and then ask whether the server is there (``bus.connections.liveness``).
"""
HEARTBEAT_MS = 1_000
"""The milliseconds between two questions of the driver to a MongoDB server about its state."""
SILENT_MS = 2_000
"""The milliseconds that an answer may take beyond that; then the driver gives up the connections.

So an operation on a frozen primary ends within 3 s. The driver tries it again on the next primary
within what is left of the client's timeout. Without these two settings only the timeout would end
it.
"""
REDIS_TIMEOUT_S = 5.0
PROBE_KEY = "twofold:probe"
"""A key that never exists."""
BLOCK_S = 1.0
"""The most seconds that a consumer blocks in Redis, and so needs to notice that it should stop."""


def mongo_client(uri: str, timeout_ms: int = WORKER_TIMEOUT_MS) -> MongoClient[StoredDocument]:
    """Return a client that bounds every operation, all its retries included, by ``timeout_ms``.

    An attempt ends when its server has been silent for ``HEARTBEAT_MS`` and ``SILENT_MS``: the
    driver's monitor then closes the connections that are in use, and the driver tries again.
    """
    return MongoClient(
        uri,
        timeoutMS=timeout_ms,
        heartbeatFrequencyMS=HEARTBEAT_MS,
        connectTimeoutMS=SILENT_MS,
        tz_aware=True,
        appname="twofold",
    )


def write_database(settings: Settings, timeout_ms: int = WORKER_TIMEOUT_MS) -> Database[StoredDocument]:
    """Return the database of the log and the inbox.

    Decisions and answers rest on them, so only settled data is read.
    """
    client = mongo_client(settings.write_mongodb_uri.get_secret_value(), timeout_ms)
    return client.get_database(
        settings.write_database, codec_options=CODEC, write_concern=DURABLE, read_concern=SETTLED
    )


def causal(database: Database[StoredDocument]) -> AbstractContextManager[ClientSession | None]:
    """Return a session in which each read is causally after all earlier reads and writes in it.

    Without a session, two settled reads may go to two primaries, and the second may show less than
    the first. With a direct connection there is one server, which shows at least what it has shown
    before. So there is no session then: PyMongo would refuse one on a connection that is older than
    the server's replica set.
    """
    if database.client.options.direct_connection:
        return nullcontext()
    return database.client.start_session(causal_consistency=True)


def read_barrier(database: Database[StoredDocument], session: ClientSession | None) -> None:
    """Make later reads in a session show all that was acknowledged before this call.

    It is a durable write. A primary that was replaced finds no member that confirms it. Reads that
    are causally after the write show what stands before it in the oplog. A linearizable read would
    say the same, but does not ask the server to write its journal. If no other operation asks for
    that, the read waits for 100 ms, and this write for 3 ms. In a sharded cluster this write asks
    one shard only.

    Raises:
        pymongo.errors.PyMongoError: no server can say within the client's timeout that it is the
            primary.

    """
    barriers = database.get_collection("barriers", write_concern=DURABLE)
    barriers.update_one({"_id": "now"}, {"$inc": {"passed": 1}}, upsert=True, session=session)


def read_database(settings: Settings, timeout_ms: int = WORKER_TIMEOUT_MS) -> Database[StoredDocument]:
    """Return the read models' database; as durable as the log, since checkpoints rely on it."""
    client = mongo_client(settings.read_mongodb_uri.get_secret_value(), timeout_ms)
    return client.get_database(settings.read_database, codec_options=CODEC, write_concern=DURABLE)


def redis_client(settings: Settings, timeout_s: float = REDIS_TIMEOUT_S) -> redis.Redis:
    """Return a client that fails within ``timeout_s``.

    One quick retry covers a connection that was closed while idle. It is set here because redis-py
    by default retries a script ten times with ``host=`` and not at all with a URL. A timeout is not
    retried: a server that hangs would take twice the time. The client follows a primary that moves
    (``bus.connections.redis_pool``).
    """
    retry = Retry(ExponentialBackoff(cap=0.2, base=0.05), 1, supported_errors=(redis.ConnectionError,))
    address = RedisAddress.parse(settings.redis_url.get_secret_value())
    return redis.Redis.from_pool(pool_of(address, timeout_s, retry))


def probe_redis(client: redis.Redis) -> None:
    """Ask Redis to write nothing.

    A server that has become read-only answers a ping, and refuses this.

    Raises:
        redis.RedisError: no server that takes writes is there.

    """
    client.unlink(PROBE_KEY)
