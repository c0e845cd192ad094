"""The cast: the contestants on the stage, each brought on when it is first asked for."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Protocol, Self, TypeVar

from tests.benchmarks.builds import Build, Revision, RevisionError
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
    """Who takes part, and the stage they are on.

    With a ``revision``, two builds can be asked on as well: the current one and that of the revision.
    """

    def __init__(self, stage: Stage, size: Size, revision: Revision | None = None) -> None:
        self.stage = stage
        self._size = size
        self._revision = revision
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

    @cached_property
    def current(self) -> Build:
        _ = self.twofold  # it makes the shop
        return self._brought_on(lambda: Build("this revision", self.stage))

    @cached_property
    def other(self) -> Build:
        """Raises ``RevisionError`` if its system does not start."""
        if self._revision is None:
            raise RevisionError("no revision was named")
        name = self._revision.name
        try:
            root = self._open.enter_context(self._revision.checked_out())
            build = self._brought_on(partial(Build, name, self._open.enter_context(Stage(root))))
            build.found()
        except Exception as error:
            raise RevisionError(f"{name} does not start: {error}") from error
        return build

    def _brought_on(self, make: Callable[[], C]) -> C:
        contestant = make()
        self._open.callback(contestant.close)
        return contestant
