"""A projections' worker that is broken on purpose: nothing keeps a runner that lost its lease from writing.

Documents are written and folded into whatever position they are at, and the checkpoint is moved by whoever
wants to.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

from pymongo import ReplaceOne

from read_side import batch, worker
from read_side.batch import Batch
from read_side.checkpoints import Checkpoints, Lease
from read_side.folding import POSITION, Plan, fold
from read_side.projections.model import Document, ReadModel
from tests.chaos.entries.projections import points


def _write(self: Batch, documents: Sequence[Document], _positions: Mapping[str, int]) -> None:
    writes: list[Any] = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents]
    if writes:
        self._collection.bulk_write(writes, ordered=False)


def _fold(model: ReadModel, planned: Plan, documents: dict[str, Document]) -> dict[str, Document]:
    return fold(model, planned, {key: {**one, POSITION: -1} for key, one in documents.items()})


def _move(self: Checkpoints, lease: Lease, position: int) -> None:
    self._checkpoints.update_one({"_id": lease.key}, [{"$set": {"position": position}}])


def _renew(_self: Checkpoints, _lease: Lease) -> None:
    pass


if __name__ == "__main__":
    with (
        points(),
        mock.patch.object(Batch, "_write", _write),
        mock.patch.object(batch, "fold", _fold),
        mock.patch.object(Checkpoints, "move", _move),
        mock.patch.object(Checkpoints, "renew", _renew),
    ):
        worker.main()
