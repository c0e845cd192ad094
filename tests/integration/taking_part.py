"""Runners of one process that are told to turn: no thread, no Redis; MongoDB is real."""

from collections.abc import Iterable, Sequence

from bus.log import Log
from bus.signals import Signals
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.runner import Runner
from read_side.side_by_side import SideBySide
from tests.integration.shop import PARTITIONS, ReadSide

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
        side_by_side = SideBySide(sides)
        side_by_side.start()
        nobody: Signals = Signals(None)  # type: ignore[arg-type]
        self.runners = [
            Runner(read.around, models, number, self.bells, nobody, side_by_side)  # type: ignore[arg-type]
            for number in range(PARTITIONS)
        ]

    def drain(self) -> None:
        """Turn until everybody who takes part has all that there is."""
        for runner, head in zip(self.runners, map(self._log.head, range(PARTITIONS)), strict=True):
            for _ in range(MOST_TURNS):
                runner.poke()
                runner.turn()
                if all(one.position >= head for one in runner._pass.followers.values()):
                    break
            else:
                raise AssertionError("it does not come to an end")

    def taking_part(self, partition: int) -> set[str]:
        return {name for name, _ in self.runners[partition]._pass.followers}
