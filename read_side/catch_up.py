"""One run under one lease: read, fold, write, move the checkpoint, until the log is drained."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from bus.commit import Commit
from bus.log import Log
from bus.log_view import Stretch
from bus.logs import logger
from bus.observing.metrics import Metrics
from read_side.batch import MOST_DOCUMENTS, Batch, Poison, TooLargeError, planned_for, portions
from read_side.checkpoints import Checkpoints, Lease
from read_side.errors import BehindTheCheckpointError
from read_side.folding import Plan
from read_side.holes import Holes
from read_side.parked.mending import Mending
from read_side.parked.parking import Parking, positions
from read_side.projections.model import ReadModel
from read_side.registry import Registry
from read_side.shared_reads import STRETCH_BYTES
from read_side.silence import NoSilence, Silence
from read_side.telemetry import Telemetry

BATCH = 1_000
"""Commits that are read at once: some megabytes in memory, and one round trip for hundreds of documents."""

MOST_LINGER = 10
"""Times the duration of a batch.

Under load each read model takes a tenth of its partition's time, or less.
"""
MAX_LINGER_S = 0.2


class End(Enum):
    """How a run ended."""

    DRAINED = "drained"
    HELD = "held"
    """Somebody else has the lease."""
    HOLE = "hole"
    """The log has a hole that is not old enough to be closed."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run; ``wait_s`` is when to come back after a hole."""

    end: End
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the runs of one process share; built in the worker's main."""

    log: Log
    registry: Registry
    checkpoints: Checkpoints
    parking: Parking
    holes: Holes
    owner: str
    announce: Callable[[str, int, int, int], None]
    """Told name, generation, partition and position after every move of a checkpoint; must not raise."""
    stopping: threading.Event
    read: Callable[[int, int, int], Stretch]
    """Reads the log as ``SharedReads.read`` does."""
    silence: Callable[[str, int], Silence] = lambda _name, _partition: NoSilence()
    lingers: bool = True
    """Whether a run stays for a moment for what comes in meanwhile; a fill does not."""
    may_go_on: Callable[[str, int, float], bool] = lambda _name, _generation, _began: True
    """Asked with name, generation and the monotonic time when the run began, between batches."""
    telemetry: Telemetry = field(default_factory=lambda: Telemetry(Metrics()))
    """By default nobody is told."""


class CatchUp:
    """One generation of one read model catching up in one partition."""

    def __init__(
        self, around: Surroundings, model: ReadModel, generation: int, partition: int, lease: Lease
    ) -> None:
        self._around = around
        self._model = model
        self._generation = generation
        self._partition = partition
        self._collection = around.registry.collection(model.name, generation)
        mending = Mending(
            log=around.log,
            checkpoints=around.checkpoints,
            parking=around.parking,
            model=model,
            generation=generation,
            partition=partition,
            collection=self._collection,
            lease=lease,
        )
        # Read after the lease was taken, and changed only under it.
        self._parked = positions(mending.settled())
        self._lease = mending.lease
        for stream in mending.finished:
            logger.info("finished mending a stream", read_model=model.name, stream=stream)
        self.position = lease.position
        self._began = time.monotonic()

    def run(self) -> Run:
        """Go on until the log is drained, a hole is in the way, or it may not go on."""
        silence = self._around.silence(self._model.name, self._partition)
        try:
            return self._run(silence)
        finally:
            silence.end()

    def _run(self, silence: Silence) -> Run:
        while self._may_go_on():
            stretch = self._around.read(self._partition, self.position, BATCH)
            if stretch.commits:
                began = time.monotonic()
                self._take_in(stretch.commits)
                self._pace(stretch, time.monotonic() - began, silence)
            elif stretch.missing:
                wait_s = self._around.holes.wait_or_close(self._partition, stretch.missing)
                if wait_s > 0:
                    return Run(End.HOLE, wait_s)
            elif not silence.end():
                if self.position == self._lease.position:  # what it has just read is the log it knows
                    self._check_head()
                return Run(End.DRAINED)
        return Run(End.STOPPED)

    def _pace(self, stretch: Stretch, took_s: float, silence: Silence) -> None:
        if self._around.lingers and 1 < len(stretch.commits) < BATCH and stretch.size < STRETCH_BYTES:
            silence.keep()
            self._linger(stretch.commits, took_s)

    def _may_go_on(self) -> bool:
        around = self._around
        return not around.stopping.is_set() and around.may_go_on(
            self._model.name, self._generation, self._began
        )

    def _linger(self, commits: Sequence[Commit], took_s: float) -> None:
        """Stay for a moment after catching up, so that under load a batch is many commits rather than few.

        The more commits came in while the batch before was under way, and the longer that took here and now,
        the longer. Who comes to an idle read model waits for nothing, and nobody much longer than it took
        until here anyway: behind a backlog of commands a moment more is not seen.
        """
        accepted_at = next((commit.at for commit in commits if commit.at is not None), None)
        age_s = (
            time.time() - accepted_at.timestamp() if accepted_at else 0.0
        )  # clocks may differ: it is a hint
        pace_s = min(len(commits) - 1, MOST_LINGER) * took_s
        self._around.stopping.wait(max(0.0, min(pace_s, MAX_LINGER_S, age_s / 2)))

    def _check_head(self) -> None:
        if self._around.log.head(self._partition) >= self.position:
            return
        # A new primary shows less than the one before it until it has settled a write of its own.
        with self._around.log.now() as now:
            head = now.head(self._partition)
        if head < self.position:
            raise BehindTheCheckpointError(self._model.name, self._partition, self.position, head)

    def _take_in(self, commits: Sequence[Commit]) -> None:
        """Fold a stretch of commits, in batches of bounded size; one that spreads is a batch of its own."""
        began = time.time()
        plans: list[Plan | Poison] = []
        needed: set[str] = set()
        for commit in commits:
            planned = self._planned(commit)
            if planned is None:
                continue
            spreads = isinstance(planned, Plan) and bool(planned.spreads)
            if spreads or len(needed) > MOST_DOCUMENTS:
                self._fold(plans, commit.seq - 1)
                plans, needed = [], set()
            if isinstance(planned, Poison):
                plans.append(planned)
            elif spreads:
                self._spread(planned)
            else:
                plans.append(planned)
                needed |= planned.reads
        self._fold(plans, commits[-1].seq)
        if self._around.registry.live(self._model.name) == self._generation:
            self._around.telemetry.projected(
                self._model.name, self._generation, self._partition, commits, began
            )

    def _batch(self) -> Batch:
        return Batch(self._model, self._collection, self._around.log, self._lease.mended, self._renew)

    def _renew(self) -> None:
        self._around.checkpoints.renew(self._lease)

    def _planned(self, commit: Commit) -> Plan | Poison | None:
        """What is to be folded, or why it cannot be: told when its turn comes, after those before it."""
        if commit.stream is None or self._is_parked(commit):
            return None
        try:
            return planned_for(self._model, commit)
        except Poison as poison:
            return poison

    def _fold(self, plans: Sequence[Plan | Poison], position: int) -> None:
        """Fold and write what leads up to a position, in smaller batches if it is too large for one."""
        waiting = [plans]
        while waiting:
            batch, portion = self._batch(), waiting.pop()
            try:
                self._fold_into(batch, portion)
            except TooLargeError as error:
                waiting += portions(portion, error.share)[::-1]
            else:
                self._finish(batch, waiting[-1][0].commit.seq - 1 if waiting else position)

    def _fold_into(self, batch: Batch, plans: Sequence[Plan | Poison]) -> None:
        readable = [planned for planned in plans if isinstance(planned, Plan)]
        batch.load(readable, self.position, self._parked)
        for planned in plans:
            if self._is_parked(planned.commit):
                continue
            try:
                if isinstance(planned, Poison):
                    raise planned
                batch.fold(planned)
            except Poison as poison:
                self._park(poison)

    def _spread(self, planned: Plan) -> None:
        """Wholly or not at all: nothing is written before everything is known to fold.

        Any document may be the one that cannot take it; what is parked is the stream of the commit that
        spreads, whose documents all stay as they were before it.
        """
        batch = self._batch()
        self._rehearse(batch, planned)
        self._fold_into(batch, [planned])
        if not self._is_parked(planned.commit):
            for _ in batch.spread(planned):
                self._renew()
        self._finish(batch, planned.commit.seq)

    def _rehearse(self, batch: Batch, planned: Plan) -> None:
        """Nothing for what is parked: also since it was planned, by a commit before it."""
        if self._is_parked(planned.commit):
            return
        try:
            for _ in batch.rehearse(planned):
                self._renew()
        except Poison as poison:
            self._park(poison)

    def _is_parked(self, commit: Commit) -> bool:
        """What comes before the commit that a stream is parked from is folded, also after a crash."""
        since = self._parked.get(str(commit.stream))
        return since is not None and commit.seq >= since

    def _finish(self, batch: Batch, position: int) -> None:
        """Documents first, then the checkpoint."""
        batch.write()
        if position > self.position:
            self._around.checkpoints.move(self._lease, position)
            self.position = position
            self._around.announce(self._model.name, self._generation, self._partition, position)

    def _park(self, poison: Poison) -> None:
        commit, stream, error = poison.commit, str(poison.commit.stream), repr(poison.__cause__)
        self._around.parking.park(
            self._model.name,
            self._generation,
            self._partition,
            stream=stream,
            seq=commit.seq,
            error=error,
            was=self._parked.get(stream),
            epoch=self._lease.epoch,
            renew=self._renew,
        )
        self._parked[stream] = commit.seq
        logger.error(
            "parked a stream",
            read_model=self._model.name,
            stream=stream,
            seq=commit.seq,
            command_id=commit.command_id,
            correlation_id=commit.correlation_id,
            error=poison.__cause__,
        )
