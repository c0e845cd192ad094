"""One pass over a stretch of the log for several read models: read once, checkpoints moved together.

Each follower takes in what comes after its own position, so they need not stand at the same one. When all
have written their documents, their checkpoints move in one step, and one message says so.

Why nothing is lost or doubled: each follower does what it does in a run of its own
(``read_side.follower``), and the common move comes after all documents, each checkpoint under its own
epoch. A crash between the two repeats the stretch, for whichever models it was not noted.

Nobody holds up the others. A follower that raises, has lost its lease or takes too long departs: it is told
to the caller, and the others' checkpoints move all the same. One that is slow in the middle of many steps
(a name that reaches thousands of orders) is interrupted between two of them, which is as harmless as a
crash there. Only if a server is away the whole pass fails.

A few commits are taken in by all followers at the same time, since each waits for the journal, and that is
what a lone order waits for. With more of them the processor is what is short, and one after the other is
quicker.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bus.commit import Commit
from bus.log_view import Stretch
from bus.outages import server_away
from read_side.catch_up import check_head
from read_side.errors import BehindTheCheckpointError, LeaseLostError, TooSlowError
from read_side.follower import Follower
from read_side.side_by_side import SideBySide
from read_side.surroundings import BATCH, Generation, Surroundings

FEW = 8
"""Commits that are taken in by all followers at the same time."""
SLOW_S = 0.5
SLOW_PER_COMMIT_S = 0.001
"""A follower may take so long over a stretch, and so much more for each commit in it."""
MUCH_LONGER = 3
"""Times what the next slowest took: if all are slow, it is the machine."""


@dataclass(frozen=True, slots=True)
class Departure:
    """A follower that does not go on with the others, and why."""

    follower: Follower
    error: Exception


class JointPass:
    """The followers of one partition that go together; used by the partition's runner alone.

    Other threads may ask what is in ``followers``.
    """

    def __init__(self, around: Surroundings, partition: int, side_by_side: SideBySide) -> None:
        self._around = around
        self._partition = partition
        self._side_by_side = side_by_side
        self.followers: dict[Generation, Follower] = {}

    @property
    def foremost(self) -> int:
        return max(follower.position for follower in self.followers.values())

    def read(self) -> Stretch:
        """What comes after the rearmost."""
        after = min(follower.position for follower in self.followers.values())
        return self._around.read(self._partition, after, BATCH)

    def behind_their_checkpoints(self) -> list[Departure]:
        """Those who have read more than there is: the log is not the one that they have read."""
        departures = []
        for follower in self.followers.values():
            try:
                check_head(self._around.log, follower.model.name, self._partition, follower.position)
            except BehindTheCheckpointError as error:
                departures.append(Departure(follower, error))
        return departures

    def take_in(self, commits: Sequence[Commit]) -> list[Departure]:
        """Take in a stretch and move the checkpoints; return who departs.

        Raises:
            Exception: a server is away; what each follower has done is known only to the databases.

        """
        began = time.time()
        followers = list(self.followers.values())
        stood_at = {follower.key: follower.position for follower in followers}
        calls = [partial(self._taken_in, follower, commits) for follower in followers]
        results = self._side_by_side(calls) if len(commits) <= FEW else [call() for call in calls]
        errors = [error for error, _ in results]
        for error in errors:
            if error is not None and server_away(error):
                raise error
        departures = [Departure(f, e) for f, e in zip(followers, errors, strict=True) if e is not None]
        went = [f for f, e in zip(followers, errors, strict=True) if e is None]
        departures += self._settle(went, commits[-1].seq)
        for follower in went:
            if new := _after(stood_at[follower.key], commits):
                follower.tell(new, began)
        if (slow := _slow(results, len(commits))) is not None and errors[slow] is None:
            departures.append(Departure(followers[slow], TooSlowError(f"{results[slow][1]:.2f} s")))
        return departures

    def _taken_in(self, follower: Follower, commits: Sequence[Commit]) -> tuple[Exception | None, float]:
        """What became of it, and the seconds that it took."""
        began = time.monotonic()
        new = _after(follower.position, commits)
        try:
            if new:
                follower.take_in(new, _interrupt(began + _bound_s(len(new))))
        except Exception as error:  # noqa: BLE001 - it departs, or all of them fail
            return error, time.monotonic() - began
        return None, time.monotonic() - began

    def _settle(self, followers: Sequence[Follower], position: int) -> list[Departure]:
        due = [one for one in followers if one.settled_at < one.position == position]
        if not due:
            return []
        lost = {
            lease.key for lease in self._around.checkpoints.move_all([one.lease for one in due], position)
        }
        for one in due:
            one.settled_at = position
        moved = [one.key for one in due if one.lease.key not in lost]
        if moved:
            self._around.announce(moved, self._partition, position)
        return [Departure(one, LeaseLostError(one.lease.key)) for one in due if one.lease.key in lost]


def _after(position: int, commits: Sequence[Commit]) -> Sequence[Commit]:
    return commits[max(0, position + 1 - commits[0].seq) :]


def _bound_s(commits: int) -> float:
    return SLOW_S + commits * SLOW_PER_COMMIT_S


def _interrupt(deadline: float) -> Callable[[], None]:
    def interrupt() -> None:
        if time.monotonic() > deadline:
            raise TooSlowError("interrupted")

    return interrupt


def _slow(results: Sequence[tuple[Exception | None, float]], commits: int) -> int | None:
    """The place of one that took too long, where the others did not."""
    if len(results) == 1:
        return None
    *_, next_slowest, slowest = sorted(took_s for _, took_s in results)
    if slowest < max(_bound_s(commits), MUCH_LONGER * next_slowest):
        return None
    return next(place for place, (_, took_s) in enumerate(results) if took_s == slowest)
