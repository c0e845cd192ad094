"""The cast: the contestants on the stage, each brought on when it is first asked for."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import Protocol, Self, TypeVar

from tests.benchmarks.contestants.event_sourced import EventSourced
from tests.benchmarks.contestants.noop import Noop
from tests.benchmarks.contestants.stock import Stock
from tests.benchmarks.contestants.twofold import Twofold
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage


class _Closes(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closes)


class Cast:
    """Who takes part, and the stage they are on."""

    def __init__(self, stage: Stage, size: Size) -> None:
        self.stage = stage
        self._size = size
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def twofold(self) -> Twofold:
        twofold = self._brought_on(lambda: Twofold(self.stage.settings))
        twofold.found()
        return twofold

    @cached_property
    def stock(self) -> Stock:
        return self._brought_on(lambda: Stock(self.stage))

    @cached_property
    def noop(self) -> Noop:
        return self._brought_on(lambda: Noop(self.stage))

    @cached_property
    def event_sourced(self) -> EventSourced:
        return EventSourced(self._size.first_orders)

    def _brought_on(self, make: Callable[[], C]) -> C:
        contestant = make()
        self._open.callback(contestant.close)
        return contestant
