"""The feeder: a process that runs one revision's own code for a driver that may be of another revision.

Inbox entries, queue messages and the log differ between revisions. So what the benchmark writes directly is
written by the revision that reads it: the driver (``builds.Build``) runs this very file in the revision's
folder, and what it imports is what is there. It may use only what 93c15ff has.

The driver writes one call a line, ``{"call": name, "arguments": {...}}``, and reads one answer a line:
``{"returned": value}`` or ``{"raised": text}``. In between comes ``{"began": true}`` when the clock of
``place`` starts; the feeder goes on when the driver has written a line in return. When its input ends, the
feeder ends.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, TextIO

from bus.settings import Settings
from tests.benchmarks.contestants.twofold import Twofold
from tests.benchmarks.rebuilding import Apart, rebuild
from tests.benchmarks.written_log import WrittenLog

CONNECTIONS = "bus.connections"
if find_spec(CONNECTIONS).submodule_search_locations is not None:  # type: ignore[union-attr]  # it is there
    CONNECTIONS = "bus.connections.clients"  # where it lies since 0.1.0


class Feeder:
    """What the driver may call, on the system that the environment's settings lead to."""

    def __init__(self, calls: TextIO, answers: TextIO) -> None:
        self._calls = calls
        self._answers = answers
        self._settings = Settings.load()
        self._twofold = Twofold(self._settings)
        mongod = SimpleNamespace(uri=self._settings.write_mongodb_uri.get_secret_value())
        stage: Any = SimpleNamespace(settings=self._settings, mongod=mongod)
        self._apart = Apart(stage, "against")
        self._may_be_called: dict[str, Callable[..., Any]] = {
            "found": self._twofold.found,
            "place": self.place,
            "until_done": self._twofold.until_done,
            "verify": self._twofold.verify,
            "redis_bytes_per_waiting": self.redis_bytes_per_waiting,
            "write_log": self.write_log,
            "rebuild": self.rebuild,
            "drop_log": self._apart.drop,
        }

    def run(self) -> None:
        for line in self._calls:
            asked = json.loads(line)
            try:
                answer = {"returned": self._may_be_called[asked["call"]](**asked["arguments"])}
            except Exception as error:  # noqa: BLE001 - the driver decides what it means
                answer = {"raised": f"{type(error).__name__}: {error}"}
            self._tell(answer)

    def place(self, orders: int) -> float:
        return self._twofold.place(orders, begin=self._begin)

    def redis_bytes_per_waiting(self, commands: int) -> float:
        """With so many commands on the queue, out of sight; they are gone afterwards."""
        before = self._twofold.redis_bytes()
        try:
            self._twofold.enqueue(commands)
            return (self._twofold.redis_bytes() - before) / commands
        finally:
            self._twofold.clear_backstage()

    def write_log(self, orders: int) -> int:
        """A log apart from the system's; return how many commits it has."""
        settings = self._apart.settings
        writes = import_module(CONNECTIONS).write_database(settings)
        with writes.client:
            return WrittenLog(writes, settings.log_partitions).write(orders)

    def rebuild(self) -> float:
        """Fill the read models from that log; return the seconds."""
        return rebuild(self._apart)

    def _begin(self) -> None:
        self._tell({"began": True})
        self._calls.readline()

    def _tell(self, answer: Any) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever logs to the standard output: answers are alone on theirs
    Feeder(sys.stdin, answers).run()


if __name__ == "__main__":
    main()
