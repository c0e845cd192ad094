"""The runners of one process, one for each partition, and the thread that takes in the log.

A round: each runner that is woken or due looks what there is (``read_side.projector.runner``), and
one pass takes in all that they found (``read_side.projector.joint_pass``). Then each spread is
taken one step further. After that the thread is free for as long as the step took, so half of the
time is left to what comes meanwhile. One thread for all is enough, and better than one for each
partition: Python runs one at a time anyway, and together the partitions ask MongoDB for as little
as one. A follower that is slow or fails leaves the pass, so one partition holds up another for
about ``SLOW_S`` at most.

Why no word is slept through: the thread forgets that it was woken before it asks the runners, and
each runner forgets its own wakeup before it reads.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial

from bus.notify.doorbells import Doorbells
from bus.notify.notifier import Notifier, appended, freed
from bus.primitives.termination import stop_together
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projector.context import ProjectionContext
from read_side.projector.daemon_threads import DaemonThreads
from read_side.projector.joint_pass import JointPass, PartitionWork
from read_side.projector.runner import TICK_S, Runner

SIDES = len(READ_MODELS)
"""Threads for what waits for MongoDB at the same time: one for each read model of the table."""
LINGER_S = 0.002
"""Seconds it waits under load, so that a pass has many commits; not worth it for just one."""
NOTICE_S = 0.5
"""Seconds within which it notices that it should stop."""
STOP_S = 0.8


class Runners:
    """Starts and stops the runners, and passes on what concerns one."""

    def __init__(
        self,
        context: ProjectionContext,
        models: Sequence[ReadModel],
        doorbells: Doorbells,
        notifier: Notifier,
        sides: int = SIDES,
    ) -> None:
        self._stopping = context.stopping
        self._notifier = notifier
        self._threads = DaemonThreads(sides)
        self._pass = JointPass(context, self._threads)
        self._woken = threading.Event()
        self.all = [
            Runner(context, models, partition, doorbells, self._woken)
            for partition in range(context.log.partitions)
        ]
        self._thread = threading.Thread(target=self._run, name="runners", daemon=True)

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """The threads that have to be alive until the process stops."""
        return self._notifier.thread, self._thread

    def start(self) -> None:
        self._notifier.start()
        self._threads.start()
        self._thread.start()

    def stop(self) -> None:
        """Wait up to ``STOP_S`` until the leases are given up; call it when the process stops."""
        stop_together([partial(self._thread.join, STOP_S), self._notifier.stop])

    def hold(self, name: str, generation: int, partition: int) -> bool:
        """Return True if a runner takes in the log for a generation; if so, it looks now."""
        if holds := self.all[partition].holds(name, generation):
            self.all[partition].poke()
        return holds

    def poke(self, partition: int) -> None:
        """Tell a runner that there may be something new, or something to take."""
        self.all[partition].poke()

    def _run(self) -> None:
        with ExitStack() as listening:
            for runner in self.all:
                for topic, event in ((appended, runner.appended), (freed, runner.freed)):
                    listening.enter_context(self._notifier.expect([topic(runner.partition)], wakeup=event))
            while not self._stopping.is_set():
                self._woken.clear()
                self.round([runner for runner in self.all if not runner.due_in_s()])
                pause_s = self.step()
                self._wait(min(pause_s, *(runner.due_in_s() for runner in self.all)))
            for runner in self.all:
                runner.give_up()

    def _wait(self, wait_s: float) -> None:
        until = time.monotonic() + wait_s
        while not self._stopping.is_set() and (left_s := until - time.monotonic()) > 0:
            if self._woken.wait(min(left_s, NOTICE_S)):
                return

    def round(self, due: Iterable[Runner]) -> None:
        """Let some runners look, and take in what they find.

        No error ends the thread, as nobody would start it anew.
        """
        shares: dict[Runner, PartitionWork] = {}
        for runner in due:
            try:
                share = runner.look()
            except Exception as error:  # noqa: BLE001 - its runner tries again after a pause
                runner.recover(error)
            else:
                if share is not None:
                    shares[runner] = share
        if not shares:
            return
        try:
            dropped = self._pass.take_in(list(shares.values()))
        except Exception as error:  # noqa: BLE001 - as above
            for runner in shares:
                runner.recover(error)
            return
        for runner in shares:
            runner.drop([one for one in dropped if one.follower.partition == runner.partition])
        if any(len(share.commits) > 1 for share in shares.values()):
            self._stopping.wait(LINGER_S)

    def step(self) -> float:
        """Take each spread a step further; return the most seconds to wait before the next step."""
        spreading = {
            runner: [follower for follower in runner.followers.values() if follower.is_spreading]
            for runner in self.all
        }
        followers = [follower for each in spreading.values() for follower in each]
        if not followers:
            return TICK_S
        began = time.monotonic()
        try:
            dropped = self._pass.step(followers)
        except Exception as error:  # noqa: BLE001 - as above
            for runner in (runner for runner, each in spreading.items() if each):
                runner.recover(error)
            return TICK_S
        for runner in self.all:
            runner.drop([one for one in dropped if one.follower.partition == runner.partition])
        return time.monotonic() - began
