"""Runners of one process that are told to turn: no thread, no Redis; MongoDB is real."""

from collections.abc import Iterable, Sequence
from typing import Any

from bus.log.log import Log
from bus.notify.notifier import Notifier
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projector.runners import Runners
from tests.integration.sides import PARTITIONS, ReadSide

MOST_TURNS = 200


class Bells:
    """Notes what is rung, kept silent and freed."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, int]] = []
        self.silent: set[tuple[str, int]] = set()
        self.freed: list[int] = []

    def ring(self, bells: Iterable[tuple[str, int]], *, insist: bool = False) -> int:
        self.rung += [bell for bell in bells if insist or bell not in self.silent]
        self.silent -= set(self.rung)
        return 1

    def silence(self, names: Iterable[str], partition: int) -> None:
        self.silent |= {(name, partition) for name in names}

    def end_silence(self, names: Iterable[str], partition: int) -> None:
        self.silent -= {(name, partition) for name in names}

    def say_freed(self, partition: int) -> None:
        self.freed.append(partition)


class Joint:
    """A process whose read models take part in joint passes."""

    def __init__(
        self, log: Log, read: ReadSide, models: Sequence[ReadModel] = READ_MODELS, sides: int = 0
    ) -> None:
        self._log = log
        self.read = read
        self.bells = Bells()
        bells: Any = self.bells
        self.process = Runners(read.context, models, bells, Notifier(None), sides)  # type: ignore[arg-type]
        self.process._threads.start()
        self.runners = self.process.all

    def turn(self, *partitions: int) -> None:
        """Some of the runners look, or all of them, and what they find is taken in."""
        self.process.round([self.runners[number] for number in partitions or range(PARTITIONS)])

    def drain(self) -> None:
        """Turn until everybody who takes part has all that there is."""
        heads = [self._log.head(number) for number in range(PARTITIONS)]
        for _ in range(MOST_TURNS):
            for runner in self.runners:
                runner.poke()
            self.turn()
            followers = [one for runner in self.runners for one in runner.followers.values()]
            if all(one.noted_at >= heads[one.partition] for one in followers):
                return
        raise AssertionError("it does not come to an end")

    def taking_part(self, partition: int) -> set[str]:
        return {name for name, _ in self.runners[partition].followers}
