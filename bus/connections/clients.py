"""How every process connects to MongoDB and Redis: durable writes, bounded waits, UTC times.

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

Documents = dict[str, Any]
CODEC: CodecOptions[Documents] = CodecOptions(tz_aware=True)
DURABLE = WriteConcern(w="majority", j=True)
"""A ``kill -9`` of mongod lost hundreds of acknowledged writes with anything less."""
SETTLED = ReadConcern("majority")
"""Only what no failover can take back. A new primary may show less of it than the one before it did."""
UNSETTLED = ReadConcern("local")
"""Whatever the primary has at the moment; it may be taken back."""

DUPLICATE_KEY = 11000
"""MongoDB's code for a unique index that refused."""

WORKER_TIMEOUT_MS = 10_000
"""The bound on one MongoDB operation, retries included, in workers."""
WEB_TIMEOUT_MS = 1_500
"""The same in the API, which has to answer within 5 s.

A request may wait for its turn for 2 s (``api.middleware.deadline``), then for the batch of another
one, and then ask whether the server is there (``bus.connections.liveness``).
"""
HEARTBEAT_MS = 1_000
"""How often each MongoDB server is asked how it is."""
SILENT_MS = 2_000
"""How much longer than that an answer may take; then the server's connections are given up.

So an operation on a primary that is frozen ends within 3 s, and is tried again on the next primary within
what is left of the client's timeout. Without the two, only the timeout itself would end it.
"""
REDIS_TIMEOUT_S = 5.0
PROBE_KEY = "twofold:probe"
"""Never there."""
BLOCK_S = 1.0
"""How long a consumer blocks in Redis at most: it is also how long it takes to notice that it should stop."""


def mongo_client(uri: str, timeout_ms: int = WORKER_TIMEOUT_MS) -> MongoClient[Documents]:
    """A client whose every operation is bounded by ``timeout_ms``, however often it is retried.

    An attempt ends when its server has been silent for ``HEARTBEAT_MS`` and ``SILENT_MS``: the driver's
    monitor then closes the connections that are in use, and the operation is retried.
    """
    return MongoClient(
        uri,
        timeoutMS=timeout_ms,
        heartbeatFrequencyMS=HEARTBEAT_MS,
        connectTimeoutMS=SILENT_MS,
        tz_aware=True,
        appname="twofold",
    )


def write_database(settings: Settings, timeout_ms: int = WORKER_TIMEOUT_MS) -> Database[Documents]:
    """The log and the inbox. What is decided or told rests on them, so only what is settled is read."""
    client = mongo_client(settings.write_mongodb_uri.get_secret_value(), timeout_ms)
    return client.get_database(
        settings.write_database, codec_options=CODEC, write_concern=DURABLE, read_concern=SETTLED
    )


def causal(database: Database[Documents]) -> AbstractContextManager[ClientSession | None]:
    """A session in which each read is causally after all that was read and written in it before.

    Two settled reads without one may go to two primaries, and the second show less than the first. With a
    direct connection there is one server, which shows at least what it has shown, so it takes no session:
    PyMongo would refuse one on a connection that is older than the server's replica set.
    """
    if database.client.options.direct_connection:
        return nullcontext()
    return database.client.start_session(causal_consistency=True)


def read_barrier(database: Database[Documents], session: ClientSession | None) -> None:
    """Let what is read in a session from here on show all that was acknowledged before the call.

    It is a durable write, which a primary that was replaced gets nobody to confirm; reads causally after it
    show what stands before it in the oplog. A linearizable read would say the same, but does not ask for the
    journal to be written: where nobody else does, it waits for 100 ms, and this for 3. Of a sharded cluster
    it asks one shard alone.

    Raises:
        pymongo.errors.PyMongoError: no server can say within the client's timeout that it is the primary.

    """
    barriers = database.get_collection("barriers", write_concern=DURABLE)
    barriers.update_one({"_id": "now"}, {"$inc": {"passed": 1}}, upsert=True, session=session)


def read_database(settings: Settings, timeout_ms: int = WORKER_TIMEOUT_MS) -> Database[Documents]:
    """The read models; as durable as the log, since checkpoints rely on it."""
    client = mongo_client(settings.read_mongodb_uri.get_secret_value(), timeout_ms)
    return client.get_database(settings.read_database, codec_options=CODEC, write_concern=DURABLE)


def redis_client(settings: Settings, timeout_s: float = REDIS_TIMEOUT_S) -> redis.Redis:
    """A client that fails within ``timeout_s``; one quick retry covers a connection closed while idle.

    It is explicit about retries because redis-py's default retries a script ten times with ``host=`` and
    not at all with a URL. A timeout is not retried: a server that hangs would take twice the time. The client
    follows a primary that moves (``bus.connections.redis_pool``).
    """
    retry = Retry(ExponentialBackoff(cap=0.2, base=0.05), 1, supported_errors=(redis.ConnectionError,))
    address = RedisAddress.parse(settings.redis_url.get_secret_value())
    return redis.Redis.from_pool(pool_of(address, timeout_s, retry))


def probe_redis(client: redis.Redis) -> None:
    """Ask Redis to write nothing: a server that has become read-only answers a ping, and refuses this.

    Raises:
        redis.RedisError: no server that takes writes is there.

    """
    client.unlink(PROBE_KEY)
