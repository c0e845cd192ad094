"""Lets the faults loose as the schedule says, and starts again what died without having been asked to."""

import heapq
import time
from collections.abc import Mapping, Sequence
from itertools import count

from tests.chaos.faults.fault import Acting, Fault
from tests.chaos.scene import Scene
from tests.chaos.schedule import Due


class Director:
    """Driven by ``turn``, all from the thread that started the cluster (``parent_death``)."""

    def __init__(self, scene: Scene, faults: Mapping[str, Fault], dues: Sequence[Due]) -> None:
        self._scene = scene
        self._faults = faults
        self._numbers = count()
        self._began = time.monotonic()
        self._to_come = sorted(dues, reverse=True)
        self._acting: list[tuple[float, int, Acting[None]]] = []
        self.unasked: list[str] = []
        """The last words of processes that ended by themselves."""

    @property
    def over(self) -> bool:
        return not self._to_come and not self._acting

    def turn(self) -> None:
        """Do what is due."""
        while self._to_come and self._to_come[-1].at <= time.monotonic() - self._began:
            fault = self._faults[self._to_come.pop().kind]
            heapq.heappush(self._acting, (time.monotonic(), next(self._numbers), fault(self._scene)))
        while self._acting and self._acting[0][0] <= time.monotonic():
            _, number, fault_acting = heapq.heappop(self._acting)
            try:
                pause = next(fault_acting)
            except StopIteration:
                continue
            heapq.heappush(self._acting, (time.monotonic() + pause, number, fault_acting))
        self._supervise()

    def close(self) -> None:
        """Undo what is not undone yet."""
        while self._acting:
            self._acting.pop()[2].close()

    def _supervise(self) -> None:
        for name, process in self._scene.cluster.processes.items():
            if process.pid is None and name not in self._scene.busy:
                self.unasked.append(process.tail())
                process.start()
