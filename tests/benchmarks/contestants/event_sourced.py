"""The ``eventsourcing`` library as a contestant: a process for each turn, on files of its own."""

import subprocess
import sys
import tempfile

from tests.benchmarks.yardsticks import event_sourced
from tests.support.processes import ROOT

PATIENCE_S = 300.0


class EventSourced:
    """With that of the library's runners which proves the faster in a first turn."""

    def __init__(self, first_orders: int) -> None:
        seconds = {name: self._run(name, first_orders) for name in event_sourced.RUNNERS}
        self.runner = min(seconds, key=lambda name: seconds[name])

    def place(self, orders: int) -> float:
        """Append so many orders and summarise them; return the seconds that it took."""
        return self._run(self.runner, orders)

    def _run(self, runner: str, orders: int) -> float:
        with tempfile.TemporaryDirectory(prefix="twofold-eventsourcing-") as folder:
            call = f"{event_sourced.main.__name__}({runner!r}, {orders}, {folder!r})"
            done = subprocess.run(
                [sys.executable, "-c", f"from {event_sourced.__name__} import main; {call}"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return float(done.stdout)
