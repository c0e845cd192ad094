#!/usr/bin/env bash
# openapi-python-client 0.29.1: of two schemas with one title only the first is made, and answers of the other
# are left out of the client. It says so among its warnings and ends with status 0.
#
# Versions: openapi-python-client 0.29.1, ruff 0.15.7 (which it calls), from PyPI.
#
# What one would expect: the key of a schema in components/schemas tells it apart from all others, and its title
# is a text for people that may be there twice (JSON Schema 2020-12, "title": "preferably short"). So a client has
# both, or the generator fails.
#
# What happens: the class is named after the title. The second schema of that title is a warning, and so is every
# answer that is made of it: the operation is in the client and gives nothing back. The exit status is 0 unless
# --fail-on-warning is given, so a build goes on with a client that lacks a part of the API.
#
# Why it matters: pydantic takes the title of a model from its class, and two modules may each have a class of
# one name.
#
# What we do about it: in /openapi.json every title is there once and equals its key, by a test
# (tests/unit/test_openapi.py). The client is generated with --fail-on-warning, checked and used
# (tests/e2e/test_generated_clients.py).
#
# Output seen:
#   openapi-python-client 0.29.1: exit status 0
#   models: thing
#   operations: get_cellar get_shelf
#   that give something back: get_shelf
#   The behaviour is as described.
#
# The script ends with an error if the behaviour changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openapi-python-client==0.29.1 ruff==0.15.7

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json


def answer(name):
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"responses": {"200": {"description": "Found", "content": content}}}


def thing(field):
    properties = {field: {"type": "string"}}
    return {"title": "Thing", "type": "object", "properties": properties, "required": [field]}


document = {
    "openapi": "3.1.0",
    "info": {"title": "Two things", "version": "1"},
    "paths": {
        "/shelf": {"get": {"operationId": "getShelf", **answer("ShelfThing")}},
        "/cellar": {"get": {"operationId": "getCellar", **answer("CellarThing")}},
    },
    "components": {"schemas": {"ShelfThing": thing("shelf"), "CellarThing": thing("cellar")}},
}
with open("openapi.json", "w") as file:
    json.dump(document, file)
PYTHON

status=0
PATH="$folder/venv/bin:$PATH" openapi-python-client generate --path openapi.json --meta none --output-path client \
  >warnings.txt 2>&1 || status=$?
models=$(cd client/models && ls ./*.py | sed 's/^..//; s/\.py$//' | grep -v __init__ | sort | tr '\n' ' ')
operations=$(cd client/api/default && ls ./*.py | sed 's/^..//; s/\.py$//' | grep -v __init__ | sort | tr '\n' ' ')
echo "openapi-python-client 0.29.1: exit status $status"
echo "models: ${models% }"
giving=$(cd client/api/default && grep -l Thing ./*.py | sed 's/^..//; s/\.py$//' | sort | tr '\n' ' ')
echo "operations: ${operations% }"
echo "that give something back: ${giving% }"
if [ "$status" != 0 ] || [ "$models" != "thing " ] || [ "$giving" != "get_shelf " ]; then
  cat warnings.txt
  echo "The behaviour has changed."
  exit 1
fi
echo "The behaviour is as described."
