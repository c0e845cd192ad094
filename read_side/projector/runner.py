"""The runner of one partition: keeps its read models' leases, and reads the log for all of them.

It takes the leases that can be had, keeps them, keeps the bells silent and reads the next stretch
of the log, which is taken in together with those of other partitions
(``read_side.projector.runners``). Then it waits for the word that there is more
(``bus.notify.notifier``).

Why no append is missed:

- *While the runner holds the partition.* A writer publishes after its append. The runner forgets
  what it has heard before it reads, so what is appended after the reading wakes it. A word is lost
  only with the connection, and the listener wakes everybody when it has a new one.
- *While nobody holds it.* A runner that takes a lease reads the log after that. A runner that gives
  its leases up says so, and each one that could have them looks every ``TICK_S`` anyway. That look
  also finds the leases of a dead holder, once they have run out. A dead holder also leaves the
  marks of its silence (``bus.notify.doorbells``). Nobody rings before these have run out. After
  that, bells ring as for any read model that nobody projects, and the process that answers a bell
  runs for it.
- *A read model that does not take part* is not kept silent: it has its bells, and runs of its own
  (``read_side.projector.answering``). When one leaves, the runner releases its lease and then rings
  its bell, in this order.
- *Redis is away.* The watchdog finds what is left behind, and pokes the runner.

Taking part. A read model joins when its lease is free, it is within ``NEAR`` commits of the
foremost, nothing of it is to be mended and it did not fail just now. If it is further behind or is
to be mended, its bell is rung, and it catches up by a run of its own, after which the runner is
told. If another process holds the partition, the runner takes nothing: leases of one partition stay
together. If two processes take them at the same time, both go in the order of the table, and the
first has them all.

Giving up. Another process that has fewer partitions asks for this one
(``read_side.projector.balance``). The runner sees that when it renews. It releases all its leases
and takes none while another process asks. After a server has failed, the runner forgets its leases
and takes them again, because it cannot know which of them it still has.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import redis
from pymongo.errors import PyMongoError

from bus.notify.doorbells import Doorbells
from bus.notify.wakeup import Wakeup
from bus.observability.logs import logger
from bus.observability.outages import server_away
from read_side.errors import BehindTheCheckpointError, LeaseLostError
from read_side.projections.model import ReadModel
from read_side.projector.admission import RunAdmission
from read_side.projector.catch_up import check_head
from read_side.projector.checkpoints import Lease
from read_side.projector.context import BATCH, STRETCH_BYTES, Generation, ProjectionContext
from read_side.projector.follower import Follower
from read_side.projector.joint_pass import DroppedFollower, PartitionWork
from read_side.projector.pauses import Pauses

TICK_S = 2.0
"""Seconds between its looks for leases to take or to keep, when nobody wakes it."""
STEADY_S = 60.0
"""Seconds after which a read model that takes part no longer counts as failed."""
CHECK_HEAD_S = 1.0
SILENT_S = 1.0
"""Seconds between two renewals of the silence: well before the marks run out."""
_ALL = ("", 0)
"""The key of the pause after all of them have failed."""


class Relay(Wakeup):
    """A wakeup that sets an event with it."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def set(self) -> None:
        super().set()
        self._other.set()


class Runner:
    """Runs one partition.

    ``holds`` and ``poke`` are for other threads; the rest is for the thread of the runners.
    """

    def __init__(
        self,
        context: ProjectionContext,
        models: Sequence[ReadModel],
        partition: int,
        doorbells: Doorbells,
        woken: threading.Event,
    ) -> None:
        """``woken`` is set when this runner is woken."""
        self._context = context
        self._admission = RunAdmission(context, models, partition)
        self.partition = partition
        self._doorbells = doorbells
        self.followers: dict[Generation, Follower] = {}
        self._joined_at: dict[Generation, float] = {}
        self._pauses = Pauses()
        self._failures = Pauses()
        self._silent: set[str] = set()
        self._silent_since = self._looked_at = self._checked_at = self._due_at = float("-inf")
        self.appended, self.freed, self._poked = Relay(woken), Relay(woken), threading.Event()

    # For other threads.

    def holds(self, name: str, generation: int) -> bool:
        """Return True if it takes in the log for a generation."""
        return (name, generation) in self.followers

    def poke(self) -> None:
        """Tell the runner that there may be something to take, or to lose."""
        self._poked.set()
        self.freed.set()
        self.appended.set()

    # For the thread of the runners.

    def due_in_s(self) -> float:
        """Return in how many seconds it has to look again, if it is not woken before."""
        if left_ms := self._failures.left_ms(_ALL):
            return left_ms / 1_000
        woken = self.appended if self.followers else self.freed
        return 0.0 if woken.is_set() else max(0.0, self._due_at - time.monotonic())

    def look(self) -> PartitionWork | None:
        """Take and keep leases, and read the log; return what there is to take in."""
        self.appended.clear()
        self._drop_what_is_not_projected()
        checkpoints, followers, now = self._context.checkpoints, self.followers, time.monotonic()
        is_poked = self._poked.is_set()
        self._poked.clear()
        if is_poked or any(checkpoints.is_due(one.lease) for one in followers.values()):
            self._keep()
        if is_poked or self.freed.is_set() or now - self._looked_at >= TICK_S:
            self.freed.clear()
            self._looked_at = now
            self._admit()
        self._due_at = now + min(TICK_S, checkpoints.renew_after_s)
        share = self._read() if followers else None
        self._failures.end(_ALL)
        return share

    def _read(self) -> PartitionWork | None:
        followers = list(self.followers.values())
        self._keep_silent()
        after = min(one.position for one in followers)
        stretch, now = self._context.read(self.partition, after, BATCH), time.monotonic()
        if stretch.commits:
            if len(stretch.commits) >= BATCH or stretch.size >= STRETCH_BYTES:
                self._due_at = now
            return PartitionWork(followers, stretch.commits)
        if stretch.missing:
            wait_s = self._context.gaps.wait_or_close(self.partition, stretch.missing)
            self._due_at = min(self._due_at, now + wait_s)
        elif now - self._checked_at > CHECK_HEAD_S:
            self._checked_at = now
            self._check_head(followers)
        return None

    def _check_head(self, followers: Sequence[Follower]) -> None:
        for one in followers:
            try:
                check_head(self._context.log, one.model.name, self.partition, one.position)
            except BehindTheCheckpointError as error:
                self.drop([DroppedFollower(one, error)])

    def recover(self, error: Exception) -> None:
        """Begin anew after a pause.

        If no server is at fault, each read model goes on by itself, and meets the error again
        there.
        """
        self._failures.failed(_ALL, error)
        if server_away(error):  # which is told once for all
            self._context.checkpoints.let_go(one.lease for one in self.followers.values())
            self.followers.clear()
        else:
            logger.error("a joint pass failed", partition=self.partition, error=error)
            with suppress(PyMongoError):
                self.drop([DroppedFollower(follower, error) for follower in self.followers.values()])
        self._looked_at = self._due_at = float("-inf")

    def _drop_what_is_not_projected(self) -> None:
        followers = self.followers
        for key in followers.keys() - self._admission.projected().keys():
            self._context.checkpoints.release(followers.pop(key).lease)

    def _admit(self) -> None:
        """Take the leases that can be had."""
        followers = self.followers
        taking_part = {key: follower.position for key, follower in followers.items()}
        left_alone = self._pauses.left_ms
        for key, model, may_join in self._admission.candidates(
            taking_part, is_left_alone=lambda key: left_alone(key) > 0
        ):
            if not may_join:
                self._ring(model.name)
            elif not self._join(model, key) and not followers:
                return  # another process was quicker, and takes the others as well

    def _join(self, model: ReadModel, key: Generation) -> bool:
        context, (name, generation) = self._context, key
        lease = context.checkpoints.take(name, generation, self.partition, context.owner)
        if lease is None:
            return False
        try:
            self.followers[key] = Follower(context, model, generation, self.partition, lease)
        except Exception as error:
            if server_away(error):
                raise
            self._leave(key, lease, error)
            return False
        self._joined_at[key] = time.monotonic()
        return True

    def _keep(self) -> None:
        """Renew all leases at once; hand them over if another process has asked for them."""
        followers = self.followers
        if not followers:
            return
        lost = self._context.checkpoints.renew_all([(one.lease, one.noted_at) for one in followers.values()])
        keys = {lease.key for lease in lost}
        self.drop(
            [
                DroppedFollower(f, LeaseLostError(f.lease.key))
                for f in followers.values()
                if f.lease.key in keys
            ]
        )
        for key in followers:
            if time.monotonic() - self._joined_at[key] > STEADY_S:
                self._pauses.end(key)
        if followers and self._admission.is_asked_for():
            logger.info("hands a partition over", partition=self.partition)
            self.give_up()

    def drop(self, dropped: Sequence[DroppedFollower]) -> None:
        for one in dropped:
            follower = one.follower
            if self.followers.pop(follower.key, None) is not None:
                self._leave(follower.key, follower.lease, one.error)

    def _leave(self, key: Generation, lease: Lease, error: Exception) -> None:
        """Let a generation go on by runs of its own, or by those of its lease's new holder."""
        self._looked_at = float("-inf")
        name, generation = key
        if isinstance(error, LeaseLostError):
            self._context.telemetry.lease_lost(name)
            return
        logger.warning(
            "a read model goes on by itself",
            read_model=name,
            generation=generation,
            partition=self.partition,
            error=error,
        )
        self._pauses.failed(key, error)
        self._context.checkpoints.release(lease)
        self._ring(name)

    def _ring(self, name: str) -> None:
        """Ring for a read model that goes on by itself, even if its bell is kept silent."""
        with suppress(redis.RedisError):
            self._doorbells.ring([(name, self.partition)], insist=True)

    def _keep_silent(self) -> None:
        """Keep silent the bells of the read models that need none."""
        silent, now = self._admission.silent(self.followers.keys()), time.monotonic()
        if silent == self._silent and now - self._silent_since < SILENT_S:
            return
        self._end_silence(self._silent - silent)
        self._silent, self._silent_since = silent, now
        with suppress(redis.RedisError):
            self._doorbells.silence(silent, self.partition)

    def _end_silence(self, names: set[str]) -> None:
        with suppress(redis.RedisError):
            self._doorbells.end_silence(names, self.partition)

    def give_up(self) -> None:
        """Let another process have the partition, and say so."""
        followers, silent = self.followers, self._silent
        leases = [follower.lease for follower in followers.values()]
        followers.clear()
        self._silent = set()
        if not leases:
            return
        self._end_silence(silent)
        with suppress(PyMongoError):
            self._context.checkpoints.release_all(leases)
        with suppress(redis.RedisError):
            self._doorbells.say_freed(self.partition)
