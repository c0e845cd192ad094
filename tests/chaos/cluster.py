"""The whole system with several processes of each kind, which can be run through entries of their own."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.points import FOLDER, Asking
from tests.support.processes import ROOT, Process
from tests.support.system import System

SCALE = {"web": 2, "commands": 2, "projections": 2, "clock": 1}
ENTRIES = {"commands": "tests.chaos.entries.commands", "projections": "tests.chaos.entries.projections"}
"""The modules run instead of what the Procfile says: the same mains, with points where they can be caught."""
SWEEP_AFTER_MS = 200
"""Far below what a command may take under faults: much is enqueued again that is still being handled."""


class Cluster(System):
    """``processes`` are named ``web.1``, ``web.2``, ``commands.1`` and so on; those of a kind are equals."""

    def __init__(
        self,
        scale: Mapping[str, int] = SCALE,
        entries: Mapping[str, str] = ENTRIES,
        **settings: str,
    ) -> None:
        # One caller sends everything, also while nothing can be finished.
        own = {"SWEEP_AFTER_MS": str(SWEEP_AFTER_MS), "MAX_UNFINISHED_PER_STAFF": "1000000"}
        super().__init__(None, **{**own, **settings})
        self._scale = scale
        self._entries = entries
        self.asking: dict[str, Asking] = {}

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> list[str]:
        """Let every process end; the names of those that did not, and were killed."""
        for process in self.processes.values():
            process.terminate()
        stuck = []
        for name, process in self.processes.items():
            try:
                process.stop()
            except subprocess.TimeoutExpired:
                stuck.append(name)
        return stuck

    def _processes(self, folder: Path) -> dict[str, Process]:
        processes = {}
        for line in (ROOT / "Procfile").read_text().splitlines():
            kind, _, command = line.partition(": ")
            if kind in self._entries:
                command = f"exec python -m {self._entries[kind]}"
            for number in range(1, self._scale[kind] + 1):
                name = f"{kind}.{number}"
                self.asking[name] = Asking(folder / f"{name}.points")
                environ = {**self.environ, FOLDER: str(self.asking[name].folder), **self._own(kind, number)}
                processes[name] = Process(name, self._line(name, command), environ, folder / f"{name}.log")
        return processes

    def _line(self, name: str, command: str) -> str:
        """What the shell is given to run a process."""
        return command

    def _own(self, kind: str, number: int) -> Mapping[str, str]:
        """The variables that one process of a kind has beside everybody's."""
        return {}
