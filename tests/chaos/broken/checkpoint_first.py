"""A projections' worker that is broken on purpose: the checkpoint moves before the documents are written."""

from unittest import mock

from read_side import worker
from read_side.batch import Batch
from read_side.catch_up import CatchUp
from tests.chaos.entries.projections import points


def _finish(self: CatchUp, batch: Batch, position: int) -> None:
    if position > self.position:
        self._around.checkpoints.move(self._lease, position)
        self.position = position
        self._around.announce(self._model.name, self._generation, self._partition, position)
    batch.write()


if __name__ == "__main__":
    with points(), mock.patch.object(CatchUp, "_finish", _finish):
        worker.main()
