"""The process that ``rebuild_supervisor`` starts to carry out one requested rebuild.

It is a rebuild like one from the command line. It uses half of the cores, since others have work to
do beside it, and it tells its request how it goes. One thread tells the request each second, and
that keeps the request as well. So the thread goes on while the rebuild waits for something long.
The thread tells the rebuild to stop if the request belongs to somebody else by now, if the request
is to stop, or if the thread fails for any other reason. (The thread ignores that MongoDB is away,
as the rebuild itself finds out.)
"""

import os
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Self

from pymongo.errors import PyMongoError

from bus.connections.clients import read_database
from bus.errors import TwofoldError
from bus.observability import logs
from bus.observability.logs import logger
from bus.queue.worker_process import stop_on_signals
from bus.settings import Settings
from read_side.cli.rebuild_report import connected
from read_side.errors import RebuildRefusedError, RebuildStoppedError
from read_side.projections import by_name
from read_side.projections.model import ReadModel
from read_side.rebuild.filling_pool import FillingPool
from read_side.rebuild.rebuild import Rebuild, RebuildListener, RebuildTools, Rebuilt
from read_side.rebuild.rebuild_requests import Claim, RebuildRequests

TELL_S = 1.0
AGAIN_S = 0.5
END_S = 2.0
"""The seconds for what is being told just now; then the process ends, and the thread with it."""


@dataclass(slots=True)
class _Progress:
    """The fields to tell; ``started`` is the monotonic time and ``done`` when counting began."""

    fields: dict[str, Any] = field(default_factory=dict)
    started: tuple[float, int] | None = None

    def reaches(self, done: int, total: int, now: float) -> None:
        began, before = self.started = self.started or (now, done)
        per_s = (done - before) / (now - began) if now > began else 0.0
        left_s = round((total - done) / per_s, 1) if per_s else None
        self.fields |= {"done": done, "total": total, "per_s": round(per_s, 1), "left_s": left_s}


class ProgressReporter(RebuildListener):
    """Tells the request of one rebuild how the rebuild goes."""

    def __init__(self, requests: RebuildRequests, claim: Claim, stopping: threading.Event) -> None:
        self._requests = requests
        self._claim = claim
        self._stopping = stopping
        self._progress = _Progress()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telling", daemon=True)
        self.failure: Exception | None = None
        """The error that ended the telling before its time."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(END_S)

    def begins(self, generation: int, *, resumed: bool) -> None:  # noqa: ARG002 - a Watch
        """Tell the generation before its first document, so that a later holder knows of it."""
        self._requests.tell(self._claim, generation=generation)

    def is_filled_up_to(self, done: int, total: int) -> None:
        with self._lock:
            self._progress.reaches(done, total, time.monotonic())

    def enters(self, phase: str) -> None:
        with self._lock:
            self._progress.fields |= {"phase": phase or None, "left_s": None}

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._tell()
                self._over.wait(TELL_S)
            self._tell()  # what has come since
        except Exception as error:  # noqa: BLE001 - the rebuild raises it
            self.failure = error
            self._stopping.set()

    def _tell(self) -> None:
        with self._lock:
            told = dict(self._progress.fields)
        with suppress(PyMongoError):  # the rebuild itself meets the same; the lease is the bound
            if self._requests.tell(self._claim, **told):
                self._stopping.set()


def carry_out(claim: Claim) -> None:
    """Carry out a request that is taken, and tell the request the result.

    Raises:
        PyMongoError: MongoDB is away. The request is told nothing, as after a crash.

    """
    stopping = stop_on_signals()
    settings = Settings.for_command_line()
    reads = read_database(settings)
    with reads.client, ExitStack() as open_until_the_end:
        half = max(1, (os.cpu_count() or 1) // 2)
        fill = open_until_the_end.enter_context(FillingPool(settings, half))
        tools = connected(settings, fill, stopping, open_until_the_end)
        logs.configure(settings.log_level, settings.log_format)
        # The outcome is told before the pool is waited for: that may take as long as a batch does.
        RebuildJob(RebuildRequests(reads, settings.lease_ms), claim, tools, settings.shop_zone).run()


class RebuildJob:
    """The rebuild that a request asks for, for a shop in a time zone."""

    def __init__(
        self, requests: RebuildRequests, claim: Claim, tools: RebuildTools, zone: tzinfo = UTC
    ) -> None:
        self._requests = requests
        self._claim = claim
        self._tools = tools
        self._zone = zone
        self._telling = ProgressReporter(requests, claim, tools.stopping)

    def run(self) -> None:
        claim, requests, stopping = self._claim, self._requests, self._tools.stopping
        try:
            if self._is_done():
                requests.succeed(claim, None)
                return
            with self._telling:
                rebuilt = self._rebuild(by_name(claim.name).in_zone(self._zone))
            requests.succeed(claim, _result(rebuilt))
            logger.info("rebuilt, as was asked for", read_model=claim.name, generation=rebuilt.generation)
        except RebuildStoppedError as error:
            if self._telling.failure is not None or not stopping.is_set():
                self._failed(self._telling.failure or error)
            else:
                requests.give_back(claim)
                logger.info("stopped rebuilding", read_model=claim.name)
        except PyMongoError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked is to know
            self._failed(error)

    def _is_done(self) -> bool:
        """Return True if an earlier holder of the request died between doing it and saying so."""
        built = self._claim.generation
        return built is not None and self._tools.generations.entry(self._claim.name).live == built

    def _rebuild(self, model: ReadModel) -> Rebuilt:
        """Rebuild; wait at most twice the time of a lease for that of a rebuild that was killed."""
        patience = time.monotonic() + 2 * self._tools.lease_ms / 1000
        while True:
            try:
                return Rebuild(self._tools, model, self._telling).run()
            except RebuildRefusedError:
                if time.monotonic() > patience:
                    raise
                self._telling.enters("waiting for another rebuild")
            if self._tools.stopping.wait(AGAIN_S):
                raise RebuildStoppedError(f"told to stop before rebuilding {model.name}")

    def _failed(self, error: Exception) -> None:
        said = str(error) if isinstance(error, TwofoldError) else logs.redacted(error)
        self._requests.fail(self._claim, said)
        logger.error("a rebuild failed", read_model=self._claim.name, error=error)


def _result(rebuilt: Rebuilt) -> dict[str, Any]:
    found = rebuilt.comparison
    return {
        "commits": rebuilt.commits,
        "seconds": round(rebuilt.seconds, 3),
        "parked": rebuilt.parked,
        "differences": found.changed + found.added + found.removed,
    }
