"""A projections' worker that is broken on purpose: the checkpoint moves before the documents are written.

It can be caught in between, and nowhere else: a crash where documents are written together, as many commits
are, loses nothing.
"""

from unittest import mock

from read_side import worker
from read_side.projector.batch import Batch
from read_side.projector.follower import Follower
from tests.chaos.entries.projections import what_is_written
from tests.chaos.points import FOLDED, wrapped


def _finish(self: Follower, batch: Batch, position: int) -> None:
    self.position = max(self.position, position)
    self.note_position()
    batch.write()


if __name__ == "__main__":
    caught = wrapped(Batch, "write", before=FOLDED, about=what_is_written)
    with caught, mock.patch.object(Follower, "_finish", _finish):
        worker.main()
