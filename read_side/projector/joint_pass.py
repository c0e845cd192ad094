"""One pass over stretches of the log for several read models: one read, joint writes, one move.

A share is a stretch of one partition and its followers. Each follower takes in what comes after its
own position, so they need not stand at the same one. All fold first. Then the documents of one read
model are written in one step, whatever partitions they are of. All read models are written at the
same time, since each waits for the journal. If there are only a few commits, each follower writes
what it has folded at once. Then all checkpoints move in one step, and one message says so. A trip
to MongoDB costs about as much for a hundred documents as for ten.

Why nothing is lost or doubled: each follower does what it does in a run of its own
(``read_side.projector.follower``), and the common move comes after all documents, each checkpoint
under its own epoch. A crash between the two repeats the stretch for each model whose checkpoint has
not moved. A common write may be carried out only in part, because a stored document is not as its
follower thought. Its answer does not say which follower that was. Then each follower folds into
what is stored and writes by itself. What was written the first time has its commits by then and is
left alone.

No follower holds up the others. A follower that raises, has lost its lease or takes too long is
dropped: the caller is told, and the others' checkpoints move all the same. A follower that is slow
in the middle of many steps (a name that reaches thousands of orders) is interrupted between two of
them, which is as harmless as a crash there. The whole pass fails only if a server is away.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from bus.log.commit import Commit
from bus.observability.outages import server_away
from read_side.errors import LeaseLostError, TooSlowError
from read_side.projector import guards
from read_side.projector.batch import WRITE_CHUNK
from read_side.projector.context import ProjectionContext, Reached
from read_side.projector.daemon_threads import DaemonThreads
from read_side.projector.follower import Follower

FEW = 32
"""The most commits that each follower folds and writes by itself, all at the same time.

Then a follower that need not load anything shows them first. With more commits the processor is
what is short, and one follower after the other is quicker.
"""
SLOW_S = 0.5
SLOW_PER_COMMIT_S = 0.001
"""Seconds that a follower may take over a stretch, and that each commit in it adds."""
MUCH_LONGER = 3
"""A follower may take so many times what the next slowest took.

Beyond that it is slow. If all are slow, it is the machine.
"""


@dataclass(frozen=True, slots=True)
class DroppedFollower:
    """A follower that does not go on with the others, and the error that is the reason."""

    follower: Follower
    error: Exception


@dataclass(frozen=True, slots=True)
class PartitionWork:
    """The part of a pass in one partition: contiguous commits, and the followers they are for."""

    followers: Sequence[Follower]
    commits: Sequence[Commit]


class _FollowerPass:
    """The part of one follower in a pass."""

    def __init__(self, follower: Follower, commits: Sequence[Commit] = ()) -> None:
        self.follower = follower
        self.commits = commits[max(0, follower.position + 1 - commits[0].seq) :] if commits else commits
        self.took_s = 0.0
        self.error: Exception | None = None

    def do(self, what: Callable[[], None]) -> None:
        """Call ``what``, and note how long it takes and what it raises."""
        began = time.monotonic()
        try:
            what()
        except Exception as error:  # noqa: BLE001 - it is dropped, or all of them fail
            self.error = error
        self.took_s += time.monotonic() - began

    def fold(self) -> None:
        interrupt = _interrupt(time.monotonic() + _bound_s(len(self.commits)))
        self.do(lambda: self.follower.fold(self.commits, interrupt))

    def fold_and_write(self) -> None:
        self.fold()
        if self.error is None:
            self.do(self.follower.write_out)


class JointPass:
    """Takes in what is new, for all followers that take part."""

    def __init__(self, context: ProjectionContext, threads: DaemonThreads) -> None:
        self._context = context
        self._threads = threads

    def take_in(self, shares: Sequence[PartitionWork]) -> list[DroppedFollower]:
        """Take in stretches and move the checkpoints; return the followers that are dropped.

        Raises:
            Exception: a server is away; only the databases know what each follower has done.

        """
        began = time.time()
        parts = [_FollowerPass(follower, share.commits) for share in shares for follower in share.followers]
        parts = [part for part in parts if part.commits]
        if sum(len(share.commits) for share in shares) <= FEW:
            self._threads([part.fold_and_write for part in parts])
        else:
            for part in parts:
                part.fold()
            _refuse_if_away(parts)
            self._write([part for part in parts if part.error is None])
        _refuse_if_away(parts)
        went = [part for part in parts if part.error is None]
        dropped = [DroppedFollower(part.follower, part.error) for part in parts if part.error is not None]
        dropped += self._move_checkpoints([part.follower for part in went])
        for part in went:
            part.follower.tell(part.commits, began)
        dropped += [
            DroppedFollower(part.follower, TooSlowError(f"{part.took_s:.2f} s")) for part in _slow(went)
        ]
        return dropped

    def step(self, followers: Sequence[Follower]) -> list[DroppedFollower]:
        """Take each spread under way to more documents; return the followers that are dropped.

        Spreads are those of ``read_side.projector.spreading``.

        Raises:
            Exception: a server is away.

        """
        parts = [_FollowerPass(follower) for follower in followers]
        self._threads([partial(part.do, part.follower.step) for part in parts])
        _refuse_if_away(parts)
        return [DroppedFollower(part.follower, part.error) for part in parts if part.error is not None]

    def _write(self, parts: Sequence[_FollowerPass]) -> None:
        """Write out what was folded, each read model's documents in one step."""
        groups: defaultdict[str, list[_FollowerPass]] = defaultdict(list)
        for part in parts:
            groups[part.follower.collection.name].append(part)
        self._threads([partial(_write_together, group) for group in groups.values()])

    def _move_checkpoints(self, followers: Sequence[Follower]) -> list[DroppedFollower]:
        due = [one for one in followers if one.noted_at < one.position]
        if not due:
            return []
        lost = {one.key for one in self._context.checkpoints.move_all([(f.lease, f.position) for f in due])}
        for one in due:
            one.noted_at = one.position
        moved = [one for one in due if one.lease.key not in lost]
        if moved:
            self._context.announce([Reached(one.key, one.partition, one.position) for one in moved])
        return [DroppedFollower(one, LeaseLostError(one.lease.key)) for one in due if one.lease.key in lost]


def _write_together(parts: Sequence[_FollowerPass]) -> None:
    """Write out one read model's documents; if they are too many or it fails, each by itself."""
    if len(parts) == 1 or sum(part.follower.to_write() for part in parts) > WRITE_CHUNK:
        for part in parts:
            part.do(part.follower.write_out)
        return
    try:
        asked = [write for part in parts for write in part.follower.writes()]
        is_whole = guards.carry_out(parts[0].follower.collection, asked)
    except Exception as error:  # noqa: BLE001 - perhaps it is one of them
        if server_away(error):
            parts[0].error = error
            return
        is_whole = False
    for part in parts:
        part.do(part.follower.written if is_whole else part.follower.write_out_again)


def _refuse_if_away(parts: Iterable[_FollowerPass]) -> None:
    for part in parts:
        if part.error is not None and server_away(part.error):
            raise part.error


def _bound_s(commits: int) -> float:
    return SLOW_S + commits * SLOW_PER_COMMIT_S


def _interrupt(deadline: float) -> Callable[[], None]:
    def interrupt() -> None:
        if time.monotonic() > deadline:
            raise TooSlowError("interrupted")

    return interrupt


def _slow(parts: Sequence[_FollowerPass]) -> list[_FollowerPass]:
    """Return the followers that took too long while the others did not."""
    slow = []
    for part in parts:
        others_s = max((other.took_s for other in parts if other is not part), default=part.took_s)
        if part.took_s > max(_bound_s(len(part.commits)), MUCH_LONGER * others_s):
            slow.append(part)
    return slow
