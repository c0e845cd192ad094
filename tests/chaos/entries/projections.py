"""The projections' worker as the Procfile runs it, with the points where it can be caught."""

from collections.abc import Iterator
from contextlib import contextmanager

from read_side import worker
from read_side.batch import Batch
from tests.chaos.points import FOLDED, WRITTEN, wrapped


def _read_model(batch: Batch) -> str:
    return batch._model.name


@contextmanager
def points() -> Iterator[None]:
    with wrapped(Batch, "write", before=FOLDED, after=WRITTEN, about=_read_model):
        yield


if __name__ == "__main__":
    with points():
        worker.main()
