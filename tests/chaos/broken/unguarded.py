"""A projections' worker that is broken on purpose: nothing keeps a runner that lost its lease from writing.

It adds to its documents in place, whatever position they are at, and moves the checkpoint as it likes.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unittest import mock

from pymongo import ReplaceOne

from read_side import worker
from read_side.projector import follower
from read_side.projector.batch import Batch
from read_side.projector.checkpoints import Checkpoints, Lease
from read_side.projector.folding import POSITION, Plan, fold
from tests.chaos.points import FOLDED, wrapped

MOST = 10**6


class Unguarded(Batch):
    """Folds into what it finds when it writes, as if it had never been folded in."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._plans: list[Plan] = []

    def fold(self, planned: Plan) -> None:
        self._plans.append(planned)

    @property
    def changes(self) -> int:
        return MOST  # so it is not written together with those of other partitions

    def write(self) -> None:
        plans, self._plans = self._plans, []
        reads = sorted(frozenset().union(*(planned.reads for planned in plans)))
        documents = {
            one["_id"]: {**one, POSITION: -1} for one in self._collection.find({"_id": {"$in": reads}})
        }
        changed: dict[str, Any] = {}
        for planned in plans:
            with suppress(LookupError):  # what it did to the documents may be more than a fold can take
                after = fold(self._model, planned, documents)
                changed.update(after)
                documents.update({key: {**one, POSITION: -1} for key, one in after.items()})
        if changed:
            writes = [ReplaceOne({"_id": key}, one, upsert=True) for key, one in changed.items()]
            self._collection.bulk_write(writes, ordered=False)


def _model(batch: Unguarded) -> str | None:
    return batch._model.name if batch._plans else None


def _move(self: Checkpoints, lease: Lease, position: int) -> None:
    self._checkpoints.update_one({"_id": lease.key}, [{"$set": {"position": position}}])


def _move_all(self: Checkpoints, moves: Sequence[tuple[Lease, int]]) -> list[Lease]:
    for lease, position in moves:
        _move(self, lease, position)
    return []


def _renew_all(_self: Checkpoints, _held: Sequence[tuple[Lease, int]]) -> list[Lease]:
    return []


def _renew(_self: Checkpoints, _lease: Lease) -> None:
    pass


if __name__ == "__main__":
    with (
        wrapped(Unguarded, "write", before=FOLDED, about=_model),
        mock.patch.object(follower, "Batch", Unguarded),
        mock.patch.object(Checkpoints, "move", _move),
        mock.patch.object(Checkpoints, "move_all", _move_all),
        mock.patch.object(Checkpoints, "renew", _renew),
        mock.patch.object(Checkpoints, "renew_all", _renew_all),
    ):
        worker.main()
