"""Tables that fit the 80 columns of a pipe: people read them, and copy names from them."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table


def table(name: str, *, numbers: Iterable[str] = (), words: Iterable[str] = ()) -> Table:
    """Return an empty table.

    The names in its first column stay whole; all else that is too wide is folded, not cut.
    """
    found = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    found.add_column(name, no_wrap=True)
    for column in numbers:
        found.add_column(column, justify="right", overflow="fold")
    for column in words:
        found.add_column(column, overflow="fold")
    return found
