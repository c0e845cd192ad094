"""A projections' worker that is broken on purpose: the checkpoint moves before the documents are written."""

from unittest import mock

from read_side import worker
from read_side.projector.batch import Batch
from read_side.projector.follower import Follower
from tests.chaos.entries.projections import points


def _finish(self: Follower, batch: Batch, position: int) -> None:
    self.position = max(self.position, position)
    self.note_position()
    batch.write()


if __name__ == "__main__":
    with points(), mock.patch.object(Follower, "_finish", _finish):
        worker.main()
