"""No process starts on a direct connection to one of several members of a replica set."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pymongo import MongoClient

from api.local import ports
from api.local.mongod import Mongod
from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI, refuse_one_of_several
from bus.settings import Settings

NOBODY = f"{ports.HOST}:1"
START_S = 60


@pytest.fixture(scope="module")
def several() -> Iterator[Mongod]:
    """A primary whose set has a second member, which is away and has no vote."""
    with TemporaryDirectory(prefix="twofold-") as folder, Mongod(Path(folder)) as server:
        client: MongoClient[dict[str, Any]] = MongoClient(server.uri)
        with client:
            config = client.admin.command("replSetGetConfig")["config"]
            config["members"].append({"_id": 1, "host": NOBODY, "priority": 0, "votes": 0})
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)
        yield server
        server.kill()


@pytest.mark.parametrize(
    "started",
    [
        "api serve READ_MONGODB_URI",
        "write_side worker WRITE_MONGODB_URI",
        "read_side worker READ_MONGODB_URI",
        "bus clock WRITE_MONGODB_URI",
    ],
)
def test_the_process_ends_and_names_the_variable(
    several: Mongod, redis_url: str, tmp_path: Path, started: str
) -> None:
    *main, variable = started.split()
    uris = dict.fromkeys(("WRITE_MONGODB_URI", "READ_MONGODB_URI"), several.uri)
    given = {
        "REDIS_URL": redis_url,
        "JWT_SECRET": "s" * 32,
        "API_PORT": str(next(ports.candidates())),
    }
    direct = {variable: f"mongodb://{ports.HOST}:{several.port}/?directConnection=true"}
    ended = subprocess.run(
        [sys.executable, "-m", *main],
        env={**os.environ, **given, **uris, **direct},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    said = ended.stderr.splitlines()[-1]
    assert said.startswith(f"error: {variable}: directConnection=true leads to one of the 2 members")
    assert "Traceback" not in ended.stderr


def test_a_set_of_one_may_be_reached_directly(mongo_server: Mongod) -> None:
    uri = f"mongodb://{ports.HOST}:{mongo_server.port}/?directConnection=true"
    database = write_database(Settings(write_mongodb_uri=uri))
    with database.client:
        refuse_one_of_several({WRITE_URI: database})
