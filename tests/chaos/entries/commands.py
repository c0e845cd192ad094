"""The commands' worker as the Procfile runs it, with the points where it can be caught."""

from collections.abc import Iterator
from contextlib import contextmanager

from bus.log.log import Log
from tests.chaos.points import APPENDED, CLAIMED, wrapped
from write_side import worker


@contextmanager
def points() -> Iterator[None]:
    with wrapped(Log, "_claim", after=CLAIMED), wrapped(Log, "append", after=APPENDED):
        yield


if __name__ == "__main__":
    with points():
        worker.main()
