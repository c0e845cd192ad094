"""Takes requested rebuilds in a projections' process, one at a time, each in a child process.

It is a child process because folding a whole log is long work in Python, and the threads that
project would have to wait for that. Looking for requests is a periodic task of the watchdog, one
small query every two seconds. A thread starts the child and waits for it. On Linux the child asks
for a signal when that thread ends (``bus.primitives.parent_death``), so it ends with the process,
also after a ``kill -9``. The processes that the child itself has started end when they miss it.

When the projections' process is told to stop, the supervisor tells the child at once, beside the
draining of the worker. If the child has not ended within ``CHILD_S`` (its MongoDB may hang), the
supervisor kills it. Then it gives the request back itself, and has ended within ``CHILD_S`` and a
little. Since the child is dead by that time, nobody tells the request anything under the old claim.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import pymongo
from pymongo.errors import PyMongoError

from bus.observability.logs import logger
from bus.primitives.parent_death import dies_with_parent
from read_side.projections.model import ReadModel
from read_side.rebuild.rebuild_requests import Claim, RebuildRequests

LOOK_S = 0.1
CHILD_S = 2.0
LAST_WORD_S = 0.5
STOP_S = CHILD_S + LAST_WORD_S + 0.1
"""Below the 4 s that a process may take to stop, and mostly at the same time as its draining."""


def command(claim: Claim) -> list[str]:
    """Return the command line of the child."""
    numbers = str(claim.epoch), *(() if claim.generation is None else (str(claim.generation),))
    return [sys.executable, "-m", "read_side", "carry-out-rebuild", claim.name, *numbers]


class RebuildSupervisor:
    """The supervisor of one projections' process."""

    def __init__(
        self,
        requests: RebuildRequests,
        models: Sequence[ReadModel],
        owner: str,
        stopping: threading.Event,
        command: Callable[[Claim], Sequence[str]] = command,
    ) -> None:
        self._requests = requests
        self._models = models
        self._owner = owner
        self._stopping = stopping
        self._command = command
        self._attending: threading.Thread | None = None

    def prepare(self) -> None:
        """Make the index of the requests; call this once, before the first turn."""
        self._requests.create()

    def turn(self) -> None:
        """Take a request, if there is one and this process is free."""
        if self._stopping.is_set() or (self._attending is not None and self._attending.is_alive()):
            return
        claim = self._requests.take(self._models, self._owner)
        if claim is not None:
            logger.info("rebuilding, as was asked for", read_model=claim.name)
            self._attending = threading.Thread(
                target=self._attend, args=(claim,), name="requested rebuild", daemon=True
            )
            self._attending.start()

    def stop(self) -> None:
        """Wait for the child, which has been told to stop with this process."""
        if self._attending is not None:
            self._attending.join(STOP_S)

    def _attend(self, claim: Claim) -> None:
        try:
            status = self._run(claim)
        except OSError as error:
            self._bury(claim, f"its process could not be started: {error}")
            return
        if self._stopping.is_set():
            with suppress(PyMongoError), pymongo.timeout(LAST_WORD_S):
                self._requests.give_back(claim)
        else:  # a child that has said what it came to is not held to anything
            self._bury(claim, f"its process ended with status {status}")

    def _run(self, claim: Claim) -> int:
        """Run the child from its start to its end; return its exit status."""
        child = subprocess.Popen(dies_with_parent(self._command(claim)), stdin=subprocess.DEVNULL)  # noqa: S603 - our own
        while child.poll() is None and not self._stopping.wait(LOOK_S):
            pass
        if child.poll() is None:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(CHILD_S)
            child.kill()
        return child.wait()

    def _bury(self, claim: Claim, error: str) -> None:
        with suppress(PyMongoError):  # then its lease runs out
            if self._requests.bury(claim, error):
                logger.warning("a requested rebuild was interrupted", read_model=claim.name, error=error)
