"""The replica set of ``deploy/compose.yaml``: its mongods with their own arguments, and its users' rights."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from api.local import ports
from api.local.mongod import Mongod
from tests.support.processes import ROOT
from tests.support.waiting import until

DEPLOY = ROOT / "deploy"
COMMAND = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["x-mongo"]["command"]
SET_OPTIONS = [word for word in COMMAND if not word.startswith(("mongod", "--bind", "--keyFile"))]
INITIATE_S = 150
ELECTED_S = 30.0
ADMIN, SECRET = "5ec2e7ad", "5ec2e7"


class Member(Mongod):
    """One of the three, started as compose starts it, except for where it listens and keeps its data."""

    def __init__(self, folder: Path, key: Path) -> None:
        super().__init__(folder)
        self._key = key

    def _arguments(self, port: int) -> list[str]:
        own = ("--bind_ip", ports.HOST, "--port", str(port), "--dbpath", ".", "--keyFile", str(self._key))
        return [*SET_OPTIONS, *own, "--nounixsocket", "--quiet", "--oplogSize", "64"]

    def _is_ready(self, port: int, pid: int) -> bool:
        del pid  # it tells nobody while there is no user
        with MongoClient[dict[str, Any]](ports.HOST, port, directConnection=True, timeoutMS=1_000) as client:
            try:
                return bool(client.admin.command("ping")["ok"])
            except PyMongoError:  # still starting
                return False


@pytest.fixture
def members(server_data: Path) -> Iterator[str]:
    """Where the three are; nothing knows of a set yet."""
    folder = server_data / "compose"
    folder.mkdir()
    key = folder / "key"
    key.write_text("5ec2e7" * 8)
    key.chmod(0o400)
    with ExitStack() as running:
        three = [Member(folder / str(number), key) for number in range(3)]
        for member in three:
            running.callback(member.kill)
            member.start()
        yield ",".join(f"{ports.HOST}:{member.port}" for member in three)


def initiate(members: str) -> None:
    environ = {**os.environ, "MEMBERS": members, "MONGO_ADMIN_PASSWORD": ADMIN, "MONGO_PASSWORD": SECRET}
    script = [sys.executable, str(DEPLOY / "compose_initiate.py")]
    done = subprocess.run(
        script, env=environ, capture_output=True, text=True, timeout=INITIATE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def connect(members: str, user: str, password: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(f"mongodb://{user}:{password}@{members}/?replicaSet=rs0&authSource=admin")


def test_the_set_and_its_users_are_made_once(members: str) -> None:
    """Compose starts it at every ``up``, whichever member is primary by then."""
    initiate(members)
    with connect(members, "admin", ADMIN) as client:
        first = client.primary
        client.admin.command("replSetStepDown", 60)
        until(lambda: client.primary not in {first, None}, ELECTED_S, "another primary")
    initiate(members)

    with connect(members, "twofold", SECRET) as client:
        client.twofold_write.commits.insert_one({})
        client.twofold_read.order_detail.insert_one({})
        client.twofold_read.command("create", "shown", viewOn="order_detail", pipeline=[])
        for forbidden in (client.elsewhere.things.insert_one, client.admin.things.insert_one):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden({})
    with (
        connect(members, "twofold", ADMIN) as client,
        pytest.raises(OperationFailure, match="Authentication"),
    ):
        client.twofold_write.commits.find_one()
    with connect(members, "admin", ADMIN) as client:
        states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
        assert (len(states), states.count("PRIMARY")) == (3, 1)
