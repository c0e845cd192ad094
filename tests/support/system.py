"""The whole system on real servers: the Procfile's processes against an API on a free port.

Everything is its own: servers, databases, processes. So what one test does to a system, killing included,
reaches no other. The processes end with their parent: none outlives the test run.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from pymongo import MongoClient
from pymongo.database import Database

from api.local import ports
from api.local.mongod import CACHE_GB, Mongod
from api.local.redis_server import RedisServer
from api.tokens import sign
from bus.messages.principal import Role
from bus.settings import Settings
from read_side.generations.registry import RegistryEntry, State
from tests.support.plain_http import NO_TLS
from tests.support.processes import ROOT, Process
from tests.support.server_folders import server_folder
from tests.support.waiting import until

SECRET = "the tests' own secret, long enough to sign with"
READY_S = 60.0
QUIET_S = 60.0
TOKEN_TTL = timedelta(hours=1)


def is_ready(url: str) -> bool:
    """Whether an API can serve."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=5, trust_env=False, verify=NO_TLS).is_success
    except httpx.TransportError:
        return False


class System:
    """Running from entering to leaving; ready when entered.

    ``processes`` are by their names in the Procfile: ``web``, ``commands``, ``projections``, ``clock``.
    """

    write_database_name = "twofold_write"
    read_database_name = "twofold_read"
    mongod_cache_gb = CACHE_GB

    def __init__(self, lines: Mapping[str, str] | None = None, **settings: str) -> None:
        """Take ``lines`` beside the Procfile's, or in their place, and ``settings`` into the environment."""
        self._lines = lines or {}
        self._settings = settings
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            folder = starting.enter_context(server_folder("twofold-system-"))
            self.redis_url, self.mongo_uri = self._start_servers(folder, starting)
            mongo: MongoClient[dict[str, Any]] = MongoClient(self.mongo_uri, tz_aware=True)
            starting.enter_context(mongo)
            self.write_database: Database[dict[str, Any]] = mongo[self.write_database_name]
            self.read_database: Database[dict[str, Any]] = mongo[self.read_database_name]
            port = next(ports.candidates())
            self.url = f"http://127.0.0.1:{port}"
            self.environ = self._environ(port)
            self.processes = self._processes(folder)
            starting.callback(self._stop_processes)
            for process in self.processes.values():
                process.start()
            try:
                until(self.is_ready, READY_S, f"{self.url}/health/ready")
            except TimeoutError as error:
                raise TimeoutError(f"{error}\n{self.told()}") from None
            self._open = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def is_ready(self) -> bool:
        return is_ready(self.url)

    def is_complete(self) -> bool:
        """Whether nothing is missing: an API is ready without workers, too."""
        answer = httpx.get(f"{self.url}/health/ready", timeout=40, trust_env=False, verify=NO_TLS)
        return bool(answer.json()["status"] == "ready")

    def token(self, role: str, sub: str) -> str:
        return sign(Settings(jwt_secret=SECRET), Role(role), sub, TOKEN_TTL)

    def client(self, role: str, sub: str = "somebody") -> httpx.Client:
        """A client of the API; it is closed with the system, if not before."""
        authorization = {"Authorization": f"Bearer {self.token(role, sub)}"}
        client = httpx.Client(
            base_url=self.url, headers=authorization, timeout=40, trust_env=False, verify=NO_TLS
        )
        return self._open.enter_context(client)

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """``python -m <arguments>`` in the system's environment, run to its end."""
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def is_quiet(self) -> bool:
        """Whether every accepted command is finished and every read model has all of the log."""
        if self.write_database.commands.find_one({"status": "accepted"}):
            return False
        heads = {
            group["_id"]: group["head"]
            for group in self.write_database.commits.aggregate(
                [{"$group": {"_id": "$partition", "head": {"$max": "$seq"}}}]
            )
        }
        entries = map(RegistryEntry.from_stored, self.read_database.read_models.find())
        built = {
            (entry.name, number)
            for entry in entries
            for number, generation in entry.generations.items()
            if generation.state is not State.BUILDING
        }
        checkpoints = self.read_database.checkpoints.find()
        return all(
            stored["position"] >= heads.get(stored["partition"], 0)
            for stored in checkpoints
            if (stored["name"], stored["generation"]) in built  # a rebuild that was stopped leaves another
        )

    def until_quiet(self) -> None:
        try:
            until(self.is_quiet, QUIET_S, "everything carried out and shown")
        except TimeoutError as error:
            unfinished = list(self.write_database.commands.find({"status": "accepted"}).limit(3))
            checkpoints = list(self.read_database.checkpoints.find({}, {"position": True, "error": True}))
            raise TimeoutError(f"{error}\n{unfinished}\n{checkpoints}\n{self.told()}") from None

    def told(self) -> str:
        """What the processes said last, for messages of failed tests."""
        return "\n".join(process.tail() for process in self.processes.values())

    def _start_servers(self, folder: Path, starting: ExitStack) -> tuple[str, str]:
        """Start Redis and MongoDB and return their addresses; ``starting`` stops them."""
        self.redis = starting.enter_context(RedisServer(folder))
        self.mongod = starting.enter_context(Mongod(folder, self.mongod_cache_gb))
        return self.redis.url, self.mongod.uri

    def _environ(self, port: int) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name.lower() not in {*Settings.model_fields, "port"}
        }
        return {
            **inherited,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": self.redis_url,
            "WRITE_MONGODB_URI": self.mongo_uri,
            "READ_MONGODB_URI": self.mongo_uri,
            "WRITE_DATABASE": self.write_database_name,
            "READ_DATABASE": self.read_database_name,
            "JWT_SECRET": SECRET,
            "API_PORT": str(port),
            **self._settings,
        }

    def _processes(self, folder: Path) -> dict[str, Process]:
        lines = (ROOT / "Procfile").read_text().splitlines()
        commands = {name: command for name, _, command in (line.partition(": ") for line in lines)}
        return {
            name: Process(name, command, self.environ, folder / f"{name}.log")
            for name, command in {**commands, **self._lines}.items()
        }

    def _stop_processes(self) -> None:
        """All at once, as they take up to 4 s each."""
        for process in self.processes.values():
            process.terminate()
        with ExitStack() as stopping:
            for process in self.processes.values():
                stopping.callback(process.stop)
