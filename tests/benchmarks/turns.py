"""One turn of orders from the queue to every read model: its rate, and the processor time that it took."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tests.benchmarks.cpu import Meter
from tests.benchmarks.samples import Samples


class Places(Protocol):
    """Twofold, of this revision or another."""

    def place(self, orders: int, begin: Callable[[], None]) -> float:
        """Handle so many orders and return the seconds; ``begin`` is called when the clock starts."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one turn; processor time is by process, per order."""

    per_s: float
    cores: float
    microseconds: Mapping[str, float]


def metered(twofold: Places, pids: Mapping[str, int], orders: int) -> Turn:
    """Place so many orders, and count what the processes use meanwhile."""
    meter = Meter(pids)
    seconds = twofold.place(orders, begin=meter.restart)
    spent = meter.read()
    microseconds = {part: 1e6 * used / orders for part, used in spent.items()}
    return Turn(orders / seconds, sum(spent.values()) / seconds, microseconds)


def microseconds(turns: Iterable[Turn], *parts: str) -> Samples:
    """Of some processes together, in each turn; 0 for one that did not take part."""
    return Samples.of(sum(turn.microseconds.get(part, 0.0) for part in parts) for turn in turns)
