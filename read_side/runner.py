"""The runner of one partition: keeps the leases of its read models, and takes in the log for all of them.

A turn: take the leases that can be had, keep them, keep the bells silent, read the next stretch of the log,
take it in (``read_side.joint_pass``). Then it waits for the word that there is more (``bus.signals``).

Why no append is missed:

- *While the runner holds the partition.* Whoever appends publishes after that. The runner forgets what it
  has heard before it reads, so what is appended after the reading wakes it. A word is lost only with the
  connection, and the listener wakes everybody when it has a new one.
- *While nobody does.* Whoever takes a lease reads the log after it. A runner that gives its leases up says
  so, and whoever could have them looks every ``TICK_S`` anyway. So does the holder's death, once its leases
  have run out. Until the marks of a silence have run out, too (``bus.doorbells``), nobody rings; after that
  bells ring as for any read model that nobody projects, and whoever answers runs for it.
- *A read model that does not take part* is not kept silent: it has its bells, and runs of its own
  (``read_side.answering``). One that leaves has its lease released and its bell rung, in this order.
- *Redis is away.* The lookout finds what is left behind, and pokes the runner.

Taking part. A read model joins when its lease is free, it is within ``NEAR`` commits of the others, nothing
of it is to be mended and it did not fail just now. Otherwise its bell is rung, and it catches up by a run
of its own, after which the runner is told. Where another process holds the partition, nothing is taken:
leases of one partition stay together. Of two that take them at the same time, in the order of the table,
the first has them all.

Giving up. Another process that has fewer partitions asks for this one (``read_side.balance``); the runner
sees that when it renews, releases all its leases and takes none while somebody asks. When a server fails it
lets go of what it had: its epochs are as good as lost, and taking anew tells what is true.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import redis
from pymongo.errors import PyMongoError

from bus.doorbells import Doorbells
from bus.logs import logger
from bus.outages import server_away
from bus.signals import Signals, appended, freed
from read_side.admission import Admission
from read_side.checkpoints import Lease
from read_side.errors import LeaseLostError
from read_side.follower import Follower
from read_side.joint_pass import Departure, JointPass
from read_side.pauses import Pauses
from read_side.projections.model import ReadModel
from read_side.side_by_side import SideBySide
from read_side.surroundings import BATCH, STRETCH_BYTES, Generation, Surroundings

TICK_S = 2.0
"""How often it looks for what it could take, or has to keep, when nobody wakes it."""
STEADY_S = 60.0
"""Whoever has taken part for so long is no longer held to have failed."""
LINGER_S = 0.02
"""The longest that it waits under load, so that a stretch is many commits rather than few."""
CHECK_HEAD_S = 1.0
NOTICE_S = 0.5
"""How soon it notices that it should stop."""
SILENT_S = 1.0
"""How often it renews the silence, at most: well before the marks run out."""


class Runner:
    """A thread for one partition. ``take`` and ``poke`` are for other threads."""

    def __init__(  # noqa: PLR0913, PLR0917 - its collaborators, wired in the main
        self,
        around: Surroundings,
        models: Sequence[ReadModel],
        partition: int,
        doorbells: Doorbells,
        signals: Signals,
        side_by_side: SideBySide,
    ) -> None:
        self._around = around
        self._admission = Admission(around, models, partition)
        self._partition = partition
        self._doorbells = doorbells
        self._signals = signals
        self._pass = JointPass(around, partition, side_by_side)
        self._joined_at: dict[Generation, float] = {}
        self._pauses = Pauses()
        self._failures = Pauses()
        self._silent: set[str] = set()
        self._silent_since = self._looked_at = self._checked_at = float("-inf")
        self._appended, self._freed, self._poked = (threading.Event() for _ in range(3))
        self.thread = threading.Thread(target=self._run, name=f"runner {partition}", daemon=True)

    # For other threads.

    def holds(self, name: str, generation: int) -> bool:
        """Whether it takes in the log for a generation."""
        return (name, generation) in self._pass.followers

    def poke(self) -> None:
        """There may be something to take, or to lose."""
        self._poked.set()
        self._freed.set()
        self._appended.set()

    # Its own.

    def _run(self) -> None:
        with (
            self._signals.expect([appended(self._partition)]) as self._appended,
            self._signals.expect([freed(self._partition)]) as self._freed,
        ):
            while not self._around.stopping.is_set():
                try:
                    wait_s = self.turn()
                except Exception as error:  # noqa: BLE001 - nobody would start this thread again
                    self._recover(error)
                else:
                    self._failures.end(("", self._partition))
                    self._wait(wait_s)
            self.give_up()

    def _wait(self, wait_s: float) -> None:
        woken = self._appended if self._pass.followers else self._freed
        until = time.monotonic() + wait_s
        while not self._around.stopping.is_set() and (left_s := until - time.monotonic()) > 0:
            if woken.wait(min(left_s, NOTICE_S)):
                return

    def _recover(self, error: Exception) -> None:
        """Begin anew after a pause. What is not a server's fault each read model meets again by itself."""
        place, followers = ("", self._partition), self._pass.followers
        self._failures.failed(place, error)
        if server_away(error):  # which is told once for all
            self._around.checkpoints.let_go(one.lease for one in followers.values())
            followers.clear()
        else:
            logger.error("a joint pass failed", partition=self._partition, error=error)
            with suppress(PyMongoError):
                self._depart([Departure(follower, error) for follower in followers.values()])
        self._looked_at = float("-inf")
        self._around.stopping.wait(self._failures.left_ms(place) / 1_000)

    def turn(self) -> float:
        """Take, keep, read, take in; return for how many seconds to wait unless it is woken."""
        self._appended.clear()
        self._drop_what_is_not_projected()
        checkpoints, followers = self._around.checkpoints, self._pass.followers
        is_poked, now = self._poked.is_set(), time.monotonic()
        self._poked.clear()
        if is_poked or any(checkpoints.is_due(one.lease) for one in followers.values()):
            self._keep()
        if is_poked or self._freed.is_set() or now - self._looked_at >= TICK_S:
            self._freed.clear()
            self._looked_at = now
            self._admit()
        idle_s = min(TICK_S, checkpoints.renew_after_s)
        if not followers:
            return idle_s
        self._keep_silent()
        stretch = self._pass.read()
        if stretch.commits:
            self._depart(self._pass.take_in(stretch.commits))
            is_full = len(stretch.commits) >= BATCH or stretch.size >= STRETCH_BYTES
            if not is_full:
                self._linger(len(stretch.commits))
            return 0.0 if is_full else idle_s
        if stretch.missing:
            return min(idle_s, self._around.holes.wait_or_close(self._partition, stretch.missing))
        if now - self._checked_at > CHECK_HEAD_S:
            self._checked_at = now
            self._depart(self._pass.behind_their_checkpoints())
        return idle_s

    def _linger(self, commits: int) -> None:
        """Stay for a moment if more than one came at once; a lone commit is not worth it."""
        if commits > 1:
            self._around.stopping.wait(LINGER_S)

    def _drop_what_is_not_projected(self) -> None:
        followers = self._pass.followers
        for key in followers.keys() - self._admission.projected().keys():
            self._around.checkpoints.release(followers.pop(key).lease)

    def _admit(self) -> None:
        """Take the leases that can be had."""
        followers = self._pass.followers
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
        around, (name, generation) = self._around, key
        lease = around.checkpoints.take(name, generation, self._partition, around.owner)
        if lease is None:
            return False
        try:
            self._pass.followers[key] = Follower(around, model, generation, self._partition, lease)
        except Exception as error:
            if server_away(error):
                raise
            self._leave(key, lease, error)
            return False
        self._joined_at[key] = time.monotonic()
        return True

    def _keep(self) -> None:
        """Renew all leases at once; hand them over if another process has asked for them."""
        followers = self._pass.followers
        if not followers:
            return
        lost = self._around.checkpoints.renew_all([one.lease for one in followers.values()])
        keys = {lease.key for lease in lost}
        self._depart(
            [Departure(f, LeaseLostError(f.lease.key)) for f in followers.values() if f.lease.key in keys]
        )
        for key in followers:
            if time.monotonic() - self._joined_at[key] > STEADY_S:
                self._pauses.end(key)
        if followers and self._admission.is_asked_for():
            logger.info("hands a partition over", partition=self._partition)
            self.give_up()

    def _depart(self, departures: Sequence[Departure]) -> None:
        for departure in departures:
            follower = departure.follower
            if self._pass.followers.pop(follower.key, None) is not None:
                self._leave(follower.key, follower.lease, departure.error)

    def _leave(self, key: Generation, lease: Lease, error: Exception) -> None:
        """Let a generation go on by runs of its own, or by those of whoever has its lease now."""
        self._looked_at = float("-inf")
        name, generation = key
        if isinstance(error, LeaseLostError):
            self._around.telemetry.lease_lost(name)
            return
        logger.warning(
            "a read model goes on by itself",
            read_model=name,
            generation=generation,
            partition=self._partition,
            error=error,
        )
        self._pauses.failed(key, error)
        self._around.checkpoints.release(lease)
        self._ring(name)

    def _ring(self, name: str) -> None:
        """Ring for a read model that goes on by itself; first it is no longer silent."""
        with suppress(redis.RedisError):
            self._doorbells.ring([(name, self._partition)], insist=True)

    def _keep_silent(self) -> None:
        """Keep the bells silent of those that need none."""
        silent, now = self._admission.silent(self._pass.followers.keys()), time.monotonic()
        if silent == self._silent and now - self._silent_since < SILENT_S:
            return
        self._end_silence(self._silent - silent)
        self._silent, self._silent_since = silent, now
        with suppress(redis.RedisError):
            self._doorbells.silence(silent, self._partition)

    def _end_silence(self, names: set[str]) -> None:
        with suppress(redis.RedisError):
            self._doorbells.end_silence(names, self._partition)

    def give_up(self) -> None:
        """Let another process have the partition, and say so."""
        followers, silent = self._pass.followers, self._silent
        leases = [follower.lease for follower in followers.values()]
        followers.clear()
        self._silent = set()
        if not leases:
            return
        self._end_silence(silent)
        with suppress(PyMongoError):
            self._around.checkpoints.release_all(leases)
        with suppress(redis.RedisError):
            self._doorbells.say_freed(self._partition)
