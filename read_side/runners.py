"""The runners of one process, one for each partition."""

import threading
import time
from collections.abc import Sequence

from bus.doorbells import Doorbells
from bus.signals import Signals
from read_side.projections.model import ReadModel
from read_side.runner import Runner
from read_side.side_by_side import SideBySide
from read_side.surroundings import Surroundings

SIDES = 10
"""Threads for what waits for MongoDB at the same time: those of two stretches of six read models."""
STOP_S = 0.8


class Runners:
    """Starts and stops them, and passes on what concerns one."""

    def __init__(
        self, around: Surroundings, models: Sequence[ReadModel], doorbells: Doorbells, signals: Signals
    ) -> None:
        self._signals = signals
        self._side_by_side = SideBySide(SIDES)
        self._runners = [
            Runner(around, models, partition, doorbells, signals, self._side_by_side)
            for partition in range(around.log.partitions)
        ]

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """What has to be alive until the process stops."""
        return (self._signals.thread, *(runner.thread for runner in self._runners))

    def start(self) -> None:
        self._signals.start()
        self._side_by_side.start()
        for runner in self._runners:
            runner.thread.start()

    def stop(self) -> None:
        """Wait a little until their leases are given up; to be called when the process is to stop."""
        deadline = time.monotonic() + STOP_S
        for runner in self._runners:
            runner.thread.join(max(0.0, deadline - time.monotonic()))
        self._signals.stop()

    def hold(self, name: str, generation: int, partition: int) -> bool:
        """Whether a runner takes in the log for a generation; if so it looks now what there is."""
        runner = self._runners[partition]
        if holds := runner.holds(name, generation):
            runner.poke()
        return holds

    def poke(self, partition: int) -> None:
        """There may be something new, or something to take."""
        self._runners[partition].poke()
