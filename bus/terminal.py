"""The console of every command: stored text reaches a terminal as it is and does nothing there."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bus.primitives.printable import printable


class Terminal(Console):
    """Rich's console, in which text is no markup (``[red]``, ``:key:``) and controls nothing.

    Everything printed comes through ``render``, each cell of a table by itself. What rich itself
    tells a terminal is marked as control, or comes later.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
