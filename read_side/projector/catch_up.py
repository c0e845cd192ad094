"""A run under a lease of its own: read, fold, write, move the checkpoint, until the log ends.

Each generation that does not take part in the joint pass of its partition
(``read_side.projector.runner``) has such runs: one that is far behind, fails or is slow, and those
that a rebuild fills.
"""

import time
from dataclasses import dataclass
from enum import Enum

from bus.log.log import Log
from read_side.errors import BehindTheCheckpointError
from read_side.projections.model import ReadModel
from read_side.projector.checkpoints import Lease
from read_side.projector.context import BATCH, ProjectionContext
from read_side.projector.follower import Follower


class End(Enum):
    """The end of a run."""

    DRAINED = "drained"
    HELD = "held"
    """Somebody else has the lease."""
    GAP = "hole"
    """The log has a gap that is not old enough to be closed."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run; after a gap, ``wait_s`` is the seconds until the next one."""

    end: End
    wait_s: float = 0.0


class CatchUp:
    """One generation of one read model catching up in one partition."""

    def __init__(
        self, context: ProjectionContext, model: ReadModel, generation: int, partition: int, lease: Lease
    ) -> None:
        self._context = context
        self._partition = partition
        self._follower = Follower(context, model, generation, partition, lease)
        self._began = time.monotonic()

    @property
    def position(self) -> int:
        return self._follower.position

    def run(self) -> Run:
        """Go on until the log is drained, a gap is in the way, or it may not go on."""
        follower, took_in = self._follower, False
        while self._may_go_on():
            stretch = self._context.read(self._partition, follower.position, BATCH)
            if stretch.commits:
                began = time.time()
                follower.take_in(stretch.commits)
                follower.note_position()
                took_in = True
                follower.tell(stretch.commits, began)
                if follower.is_spreading:
                    follower.step()
            elif stretch.missing:
                wait_s = self._context.gaps.wait_or_close(self._partition, stretch.missing)
                if wait_s > 0:
                    return Run(End.GAP, wait_s)
            elif follower.is_spreading:
                follower.step()
            else:
                if not took_in:  # what it has just read is the log it knows
                    check_head(self._context.log, follower.model.name, self._partition, follower.position)
                return Run(End.DRAINED)
        return Run(End.STOPPED)

    def _may_go_on(self) -> bool:
        context = self._context
        return not context.stopping.is_set() and context.may_go_on(*self._follower.key, self._began)


def check_head(log: Log, name: str, partition: int, position: int) -> None:
    """Check that the log is at least as long as what was read of it.

    Raises:
        BehindTheCheckpointError: it is shorter.

    """
    if log.head(partition) >= position:
        return
    # A new primary shows less than the one before it until it has settled a write of its own.
    with log.now() as now:
        head = now.head(partition)
    if head < position:
        raise BehindTheCheckpointError(name, partition, position, head)
