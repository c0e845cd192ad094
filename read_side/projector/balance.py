"""Shares the partitions among the processes that project the same generations.

A process that holds a partition keeps it. So a process that starts beside others has nothing until
it asks. Every few seconds each process counts the partitions of every process. If it has at least
two fewer than the process with the most, it asks for one of that one's partitions. The holder hands
it over at its next renewal (``read_side.projector.runner``). If the difference is less than two,
nobody asks, so nothing goes back and forth. A process asks for one partition at a time, for as long
as asking lasts (``read_side.projector.checkpoints``): an asker that dies is forgotten.
"""

from collections import Counter, defaultdict
from collections.abc import Callable

from bus.observability.logs import logger
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.context import Generation

WORTH_IT = 2
"""Partitions: the least difference worth asking for. With 1, asking would only swap the two."""


class Balance:
    """Compares the partitions that one process has with those of the others."""

    def __init__(
        self, checkpoints: Checkpoints, owner: str, projected: Callable[[], set[Generation]]
    ) -> None:
        self._checkpoints = checkpoints
        self._owner = owner
        self._projected = projected

    def turn(self) -> None:
        """Ask for a partition if this process has too few."""
        projected = self._projected()
        holders: defaultdict[int, Counter[str]] = defaultdict(Counter)
        asked: set[int] = set()
        for one in self._checkpoints.found():
            if (one.name, one.generation) not in projected:
                continue
            if one.holder is not None:
                holders[one.partition][one.holder] += 1
            if one.asked_by == self._owner:
                return
            if one.asked_by is not None:
                asked.add(one.partition)
        owners = {partition: counts.most_common(1)[0][0] for partition, counts in holders.items()}
        shares = Counter(owners.values())
        if not shares:
            return
        [(richest, most)] = shares.most_common(1)
        spare = sorted(p for p, owner in owners.items() if owner == richest and p not in asked)
        if spare and most - shares[self._owner] >= WORTH_IT:
            logger.info("asks for a partition", partition=spare[-1])
            self._checkpoints.ask(self._owner, spare[-1], projected)
