"""One generation of a read model that follows one partition of the log, under its lease.

A follower plans, loads, folds and writes commits, and parks what it cannot fold. Then
``note_position`` moves the checkpoint. A run of its own calls that after every stretch. A joint
pass moves the checkpoints of several followers at once (``read_side.projector.joint_pass``). Within
a stretch, a follower moves its own checkpoint before and after what it writes in steps of its own.

Why nothing is lost or doubled: documents are written before the checkpoint says so, each only if it
is still as it was read. A document that has a commit skips it. So a crash before the checkpoint
moves repeats a stretch and changes nothing, whoever moves it and however late.

A follower does not load what it read or wrote lately (``read_side.projector.recent_documents``),
nor what an event creates. If that was wrong, a write is refused. Then it loads all that the batch
needs and folds once more. Documents written the first time have the commits already, as after a
crash. If that is refused too, the lease is lost. A commit that does not fold into what is
remembered is tried with what is stored before it is parked.
"""

from collections.abc import Callable, Sequence

from bus.log.commit import Commit
from bus.observability.logs import logger
from read_side.errors import LeaseLostError
from read_side.parked.leased_parking import LeasedParking
from read_side.parked.mending import Mending
from read_side.parked.parking import positions
from read_side.projections.model import ReadModel
from read_side.projector.batch import MOST_DOCUMENTS, Batch, Folded, TooLargeError, planned_for, portions
from read_side.projector.checkpoints import Lease
from read_side.projector.context import Generation, ProjectionContext, Reached
from read_side.projector.folding import Plan, Poison
from read_side.projector.guards import Write
from read_side.projector.recent_documents import RecentDocuments
from read_side.projector.spreading import Spreading


def _never() -> None:
    pass


class Follower:
    """Takes in commits of one partition; to be used by one thread at a time."""

    def __init__(
        self, context: ProjectionContext, model: ReadModel, generation: int, partition: int, lease: Lease
    ) -> None:
        """Finish what was being mended. The model is taken as the generation is folded.

        Raises:
            GenerationError, LeaseLostError: there is no such generation; the lease was taken over.

        """
        self._context = context
        self.model = model = context.registry.folding(model, generation)
        self.key: Generation = (model.name, generation)
        self.partition = partition
        self.collection = context.registry.collection(model.name, generation)
        mending = Mending(
            log=context.log,
            checkpoints=context.checkpoints,
            parking=context.parking,
            model=model,
            generation=generation,
            partition=partition,
            collection=self.collection,
            lease=lease,
        )
        self._spreading = Spreading(model, self.collection, partition)
        halted = self._spreading.is_halted
        parked = positions(mending.confirmed(lambda parked: halted(parked.stream, parked.seq)))
        self.lease = mending.lease
        self._parked = LeasedParking(context.parking, self.key, self.lease, parked, self._renew)
        for stream in mending.finished:
            self._spreading.drop(stream)
            logger.info("finished mending a stream", read_model=model.name, stream=stream)
        self.position = lease.position
        """The position up to which the documents have the log."""
        self.noted_at = lease.position
        """The position that the checkpoint has."""
        self._recent = RecentDocuments()
        self._last: Folded | None = None
        self._interrupt: Callable[[], None] = _never

    def take_in(self, commits: Sequence[Commit], interrupt: Callable[[], None] = _never) -> None:
        """Fold a stretch of commits and write it out; the last of it does not move the checkpoint.

        Raises:
            LeaseLostError: somebody else owns the partition by now.

        """
        self.fold(commits, interrupt)
        self.write_out()

    def fold(self, commits: Sequence[Commit], interrupt: Callable[[], None] = _never) -> None:
        """Fold a stretch of commits, in batches of bounded size; each spread is a batch of its own.

        The last batch is left to be written out. ``interrupt`` is called wherever the lease is
        renewed, so between the steps of what takes long. An error that it raises ends this.

        Raises:
            LeaseLostError: somebody else owns the partition by now.

        """
        self._interrupt = interrupt
        plans: list[Plan | Poison] = []
        needed: set[str] = set()
        for commit in commits:
            planned = self._planned(commit)
            if planned is None:
                continue
            spreads = isinstance(planned, Plan) and bool(planned.spreads)
            if spreads or len(needed) > MOST_DOCUMENTS:
                self._fold(plans, commit.seq - 1)
                self.write_out()
                self.note_position()
                plans, needed = [], set()
            if isinstance(planned, Poison):
                plans.append(planned)
            elif spreads:
                self._spread(planned)
                self.note_position()
            else:
                plans.append(planned)
                needed |= planned.reads
        self._fold(plans, commits[-1].seq)

    def note_position(self) -> None:
        """Checkpoint the documents' position; raises ``LeaseLostError`` if the lease is lost."""
        if self.position > self.noted_at:
            self._context.checkpoints.move(self.lease, self.position)
            self.noted_at = self.position
            self._context.announce([Reached(self.key, self.partition, self.position)])

    def tell(self, commits: Sequence[Commit], began: float) -> None:
        """Say that the read model shows these commits, if this is its live generation."""
        if self._context.registry.live(self.model.name) == self.key[1]:
            self._context.telemetry.projected(*self.key, self.partition, commits, began)

    def _batch(self, recent: RecentDocuments | None = None) -> Batch:
        log, spreads = self._context.log, self._spreading.behind(self.position)
        return Batch(self.model, self.collection, log, self.lease.mended, self._renew, recent, spreads)

    def _renew(self) -> None:
        self._interrupt()
        self._context.checkpoints.renew(self.lease)

    def _planned(self, commit: Commit) -> Plan | Poison | None:
        """Return the plan, or the ``Poison`` to raise in its turn; ``None`` to skip the commit."""
        if commit.stream is None or self._parked.holds(commit):
            return None
        try:
            return planned_for(self.model, commit)
        except Poison as poison:
            return poison

    def _fold(self, plans: Sequence[Plan | Poison], position: int) -> None:
        """Fold up to a position; if that takes several batches, write out all but the last."""
        waiting = [plans]
        while waiting:
            portion = waiting.pop()
            end = waiting[-1][0].commit.seq - 1 if waiting else position
            try:
                self._last = self._folded(portion, end)
            except TooLargeError as error:
                waiting += portions(portion, error.share)[::-1]
            else:
                if waiting:
                    self.write_out()
                    self.note_position()

    def _folded(self, plans: Sequence[Plan | Poison], position: int) -> Folded:
        """Fold into what is remembered, and if that does not fit, into what is stored."""
        batch = self._batch(self._recent)
        try:
            self._fold_into(batch, plans)
        except Poison:
            if not batch.is_hopeful:
                raise
            self._recent.clear()
            batch = self._batch()
            self._fold_into(batch, plans)
        return Folded(batch, plans, position)

    def to_write(self) -> int:
        """Return how many documents have been folded and are to be written out."""
        return self._last.batch.changes if self._last is not None else 0

    def writes(self) -> list[Write]:
        """Return the writes of ``write_out``; then call ``written`` or ``write_out_again``."""
        return self._last.batch.writes() if self._last is not None else []

    def written(self) -> None:
        """Note that somebody else has written out what was folded last."""
        if (last := self._last) is not None:
            last.batch.written()
            self.position, self._last = max(self.position, last.position), None

    def write_out(self) -> None:
        """Write what was folded last; documents first, the checkpoint comes after them."""
        last = self._last
        if last is None:
            return
        try:
            self._finish(last.batch, last.position)
        except LeaseLostError:
            if not last.batch.is_hopeful:
                raise
            self.write_out_again()
        else:
            self._last = None

    def write_out_again(self) -> None:
        """Fold into what is stored, and write that: something was not as it was thought to be.

        Raises:
            LeaseLostError: a document is not as it was read this time either.

        """
        last, self._last = self._last, None
        if last is None:
            return
        self._recent.clear()
        batch = self._batch()
        self._fold_into(batch, last.plans)
        self._finish(batch, last.position)

    def _fold_into(self, batch: Batch, plans: Sequence[Plan | Poison]) -> None:
        readable = [planned for planned in plans if isinstance(planned, Plan)]
        try:
            batch.load(readable, self.position, self._parked.streams)
        except Poison as poison:
            if not batch.is_hopeful:
                self._parked.park(poison)
            raise
        for planned in plans:
            if self._parked.holds(planned.commit):
                continue
            try:
                if isinstance(planned, Poison):
                    raise planned
                batch.fold(planned)
            except Poison as poison:
                if batch.is_hopeful:
                    raise
                self._parked.park(poison)

    @property
    def is_spreading(self) -> bool:
        """True if there is anything to ``step``."""
        return bool(self._spreading.behind(self.position))

    def step(self, interrupt: Callable[[], None] = _never) -> None:
        """Take a spread that is under way to some more documents; ``interrupt`` is as for ``fold``.

        Raises:
            Poison: one cannot take it; its stream is parked, and the next holder mends the others.

        """
        self._interrupt = interrupt
        self._renew()
        try:
            self._recent.forget(self._spreading.step(self.position, self.lease.mended))
        except Poison as poison:
            self._parked.park(poison)
            raise

    def _spread(self, planned: Plan) -> None:
        """Take a commit to all documents that it changes: in steps if they are many, else at once.

        At once is all or none: nothing is written before everything is known to fold. If a document
        cannot take it, the commit's stream is parked, and all stay as they were before.
        """
        while self._spreading.is_full(self.position):
            self.step(self._interrupt)
        self._recent.clear()  # it writes documents of which nothing is known here
        batch, in_steps = self._batch(), self._spreading.is_to_be(planned)
        if not in_steps:
            self._rehearse(batch, planned)
        self._fold_into(batch, [planned])
        if in_steps and not self._parked.holds(planned.commit):
            self._spreading.begin(planned.commit)
        elif not self._parked.holds(planned.commit):
            for _ in batch.spread(planned):
                self._renew()
        self._finish(batch, planned.commit.seq)

    def _rehearse(self, batch: Batch, planned: Plan) -> None:
        """Rehearse a spread, unless it is parked, perhaps by a commit since it was planned."""
        if self._parked.holds(planned.commit):
            return
        try:
            for _ in batch.rehearse(planned):
                self._renew()
        except Poison as poison:
            self._parked.park(poison)

    def _finish(self, batch: Batch, position: int) -> None:
        """Write the documents; the checkpoint comes after them."""
        batch.write()
        self.position = max(self.position, position)
