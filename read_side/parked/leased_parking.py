"""The parked streams of one partition of a generation, for the holder of its lease."""

from collections.abc import Callable, Mapping

from bus.log.commit import Commit
from bus.observability.logs import logger
from read_side.parked.parking import Parking
from read_side.projector.checkpoints import Lease
from read_side.projector.context import Generation
from read_side.projector.folding import Poison


class LeasedParking:
    """The parked streams, read after taking the lease, and changed only under it."""

    def __init__(
        self,
        parking: Parking,
        generation: Generation,
        lease: Lease,
        parked: Mapping[str, int],
        renew: Callable[[], None],
    ) -> None:
        """Start with what is parked by now: the streams, and from which position on."""
        self._parking = parking
        self._generation = generation
        self._lease = lease
        self._renew = renew
        self.streams = dict(parked)

    def holds(self, commit: Commit) -> bool:
        """Return True if a commit is at or after the position from which its stream is parked.

        A commit before that position is folded, also after a crash.
        """
        since = self.streams.get(str(commit.stream))
        return since is not None and commit.seq >= since

    def park(self, poison: Poison) -> None:
        """Park a stream from the commit that cannot be folded. Raises ``LeaseLostError``."""
        commit, stream, error = poison.commit, str(poison.commit.stream), repr(poison.__cause__)
        name, generation = self._generation
        self._parking.park(
            name,
            generation,
            commit.partition,
            stream=stream,
            seq=commit.seq,
            error=error,
            was=self.streams.get(stream),
            epoch=self._lease.epoch,
            renew=self._renew,
        )
        self.streams[stream] = commit.seq
        logger.error(
            "parked a stream",
            read_model=name,
            stream=stream,
            seq=commit.seq,
            command_id=commit.command_id,
            correlation_id=commit.correlation_id,
            error=poison.__cause__,
        )
