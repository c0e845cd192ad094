"""The projections' worker as the Procfile runs it, with the points where it can be caught."""

from collections.abc import Iterator
from contextlib import contextmanager

from read_side import worker
from read_side.projector.batch import Batch
from tests.chaos.points import FOLDED, WRITTEN, wrapped


def what_is_written(batch: Batch) -> str | None:
    """The read model, if there is something to write at all."""
    return batch._model.name if batch._changed else None


@contextmanager
def points() -> Iterator[None]:
    with (
        wrapped(Batch, "write", before=FOLDED, about=what_is_written),
        wrapped(Batch, "writes", before=FOLDED, about=what_is_written),
        wrapped(Batch, "written", after=WRITTEN, about=what_is_written),
    ):
        yield


if __name__ == "__main__":
    with points():
        worker.main()
