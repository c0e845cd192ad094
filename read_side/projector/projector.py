"""The projector: a run for a read model that is outside the joint pass of its partition.

A read model is outside while it is far behind, has a parked stream to be mended, has just failed or
was too slow, is filled by a rebuild, or while its process has just started. The usual way is the
joint pass: ``runners`` has the thread of a process, ``runner`` one partition, ``joint_pass`` one
pass, and ``follower`` one read model in it, all in this package.

A doorbell starts a run: the projector takes the lease of the read model and partition, catches up,
and lets go of the lease. Then it looks at the head once more, because a bell that found the lease
held was meant for this run. So after an append either its own bell gets the lease, or the run that
held the lease sees the commit.
"""

from read_side.errors import LeaseLostError
from read_side.projections.model import ReadModel
from read_side.projector.catch_up import CatchUp, End, Run
from read_side.projector.context import ProjectionContext


class Projector:
    """Runs the read models of one process."""

    def __init__(self, context: ProjectionContext) -> None:
        self._context = context

    def run(self, model: ReadModel, generation: int, partition: int) -> Run:
        """Catch up with the log, unless somebody else does.

        Raises:
            BehindTheCheckpointError: the log is shorter than what was read of it already.

        """
        context = self._context
        while True:
            lease = context.checkpoints.take(model.name, generation, partition, context.owner)
            if lease is None:
                return Run(End.HELD)
            try:
                catch_up = CatchUp(context, model, generation, partition, lease)
                run = catch_up.run()
            except LeaseLostError:
                context.telemetry.lease_lost(model.name)
                return Run(End.HELD)
            finally:
                context.checkpoints.release(lease)
            if run.end is not End.DRAINED or context.log.head(partition) <= catch_up.position:
                return run
