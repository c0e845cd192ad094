"""The stage: one Redis and one mongod for everybody, Twofold's processes, and whoever else is asked on.

Every contestant has databases of its own on the same two servers. Processes that are not measured at the
moment stay on and idle, which costs next to nothing (``idle_cpu`` says how much of Twofold's).
"""

import os
import shlex
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from api.local import ports
from api.local.mongod import CACHE_GB
from bus.settings import Settings
from tests.benchmarks import wire
from tests.benchmarks.caller import Caller
from tests.support.processes import ROOT, Process
from tests.support.system import SECRET, System
from tests.support.waiting import until

MEMORY_GB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
MOST_CACHE_GB = 4.0
"""mongod's cache on a machine with 16 GB; its own default would be half of the memory."""
LISTENS_S = 30.0
API_S = 60.0
MINUTE_MS = 60_000
STOCK_REDIS, NOOP_REDIS, COPY_REDIS = 2, 4, 6
"""Numbers of databases of the one Redis; each is followed by its backstage. Twofold has 0 and 1."""


class Stage(System):
    """A running Twofold, as the Procfile in ``root`` has it, and further processes by name.

    All of them run the code that is in that folder.
    """

    mongod_cache_gb = max(CACHE_GB, min(MOST_CACHE_GB, MEMORY_GB / 4))

    def __init__(self, root: Path = ROOT) -> None:
        super().__init__(
            # The clock must not take for lost what still waits backstage.
            SWEEP_AFTER_MS=str(MINUTE_MS),
            # Queues are filled on purpose, far beyond what a shop would let wait.
            MAX_WAITING_COMMANDS=str(10_000_000),
            MAX_UNFINISHED_PER_STAFF=str(10_000_000),
        )
        self.root = root
        self.others: dict[str, Process] = {}
        self._api_ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="twofold-stage-")))
        return self

    def __exit__(self, *raised: object) -> None:
        for process in (*self.others.values(), *self.processes.values()):
            process.terminate()  # all at once: each may take a second or two
        super().__exit__(*raised)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def settings(self) -> Settings:
        """The configuration that Twofold's processes have."""
        return Settings(
            redis_url=self.redis.url,
            write_mongodb_uri=self.mongod.uri,
            write_database=self.write_database_name,
            read_mongodb_uri=self.mongod.uri,
            read_database=self.read_database_name,
            jwt_secret=SECRET,
        )

    @property
    def pids(self) -> dict[str, int]:
        """Twofold's processes, the two servers, and the benchmark itself."""
        running = {name: process.pid for name, process in self.processes.items()}
        running |= {"mongod": self.mongod.pid, "redis": self.redis.pid, "(benchmark)": os.getpid()}
        return {name: pid for name, pid in running.items() if pid is not None}

    def pids_of(self, others: Iterable[str]) -> dict[str, int]:
        """Of further processes, those that run."""
        running = {name: self.others[name].pid for name in others}
        return {name: pid for name, pid in running.items() if pid is not None}

    def redis_url_of(self, database: int) -> str:
        return f"{self.redis.url.rpartition('/')[0]}/{database}"

    def start(self, name: str, *arguments: str, **environ: str) -> Process:
        """Run ``python -m <arguments>`` until the stage is left or it is stopped; nothing if it runs."""
        running = self.others.get(name)
        if running is None or running.pid is None:
            command = self._there(shlex.join(["exec", sys.executable, "-m", *arguments]))
            process = Process(name, command, {**self.environ, **environ}, self.folder / f"{name}.log")
            self._open.callback(process.stop)
            self.others[name] = process
            process.start()
        return self.others[name]

    def serve(self, name: str, *arguments: str, **environ: str) -> int:
        """The same for a server: its port is appended to the arguments and returned once it listens."""
        port = next(ports.candidates())
        process = self.start(name, *arguments, str(port), **environ)
        try:
            until(lambda: ports.listens(port), LISTENS_S, f"{name} listens")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{process.tail()}") from None
        return port

    def serve_api(self, name: str, request: bytes = wire.get("/health/ready"), **environ: str) -> int:
        """Run a further web process, unless it runs; return its port once it answers with a 200."""
        port = self._api_ports.setdefault(name, next(ports.candidates()))
        process = self.start(name, "api", "serve", API_PORT=str(port), **environ)

        def answers() -> bool:
            try:
                with Caller(port, 1) as caller:
                    return caller.ask(request)[9:12] == b"200"
            except OSError:
                return False

        try:
            until(answers, API_S, f"{name} answers")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{process.tail()}") from None
        return port

    def _processes(self, folder: Path) -> dict[str, Process]:
        lines = [line.partition(": ") for line in (self.root / "Procfile").read_text().splitlines()]
        return {
            name: Process(name, self._there(command), self.environ, folder / f"{name}.log")
            for name, _, command in lines
        }

    def _there(self, command: str) -> str:
        """The shell command, run in the folder that the code is in."""
        return f"cd {shlex.quote(str(self.root))} && {command}"
