"""Takes each spread to the documents that it changes, step by step, beside the log.

Why nothing is lost or doubled. A spread is noted before the checkpoint passes its commit, and
forgotten when no document lacks it. A document that has the commit is at its position or beyond,
and a step passes it by. So repeating a step, or a whole spread, after a crash changes nothing. If
an event comes to a document in between, the document first takes all spreads before the event
(``read_side.projector.batch``), so what is written has them then. One thread makes the steps and
batches of a partition, under one lease, and each write asks for the position that was read
(``read_side.projector.guards``).

A holder of the lease may note a spread and die before it moves the checkpoint. The next holder
reads the log again from the checkpoint on. It leaves the spread alone until it has reached the
spread's commit. Before that, a document may still lack an earlier commit.

A step may meet a document that cannot take the commit, when others have it already. Then the stream
of the commit is parked from there on, and the next holder of the lease folds all of its documents
from the log again, as for any mending (``read_side.parked.mending``): without what is parked, or
with it, if what is stored was the fault.
"""

from collections.abc import Iterator
from typing import cast

from bson import decode_all
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from read_side.projections.model import Document, ReadModel
from read_side.projector import guards, spreads
from read_side.projector.folding import POSITION, Plan, plan
from read_side.projector.guards import Guard

FEW = 50
"""The most documents that are changed at once, in the commit's turn."""
STEP = 100
"""Documents that are read and written in one step: 10 to 20 ms."""
MOST = 8
"""The most spreads under way in one partition: every document read is checked for each of them."""


class Spreading:
    """The spreads under way in one partition of a generation, for the holder of its lease."""

    def __init__(self, model: ReadModel, collection: Collection[StoredDocument], partition: int) -> None:
        self._model = model
        self._collection = collection
        self._under_way = spreads.under_way(collection, model, partition)
        self._lacking: Iterator[list[Document]] | None = None
        """The documents that the first spread is still to be taken to, in steps."""

    def behind(self, position: int) -> list[Commit]:
        """Return the spreads that are not beyond a position, in the log's order."""
        return [commit for commit in self._under_way if commit.seq <= position]

    def is_full(self, position: int) -> bool:
        """Return True if, at a position, one spread has to end before another begins."""
        return len(self.behind(position)) >= MOST

    def is_halted(self, stream: str, seq: int) -> bool:
        """Return True if a stream parked from ``seq`` on has an unfinished spread from there on."""
        return any(commit.stream == stream and commit.seq >= seq for commit in self._under_way)

    def is_to_be(self, planned: Plan) -> bool:
        """Return True if a commit is to be taken to its documents in steps, as they are many.

        A commit that is not under way yet is taken at once if its model's documents cannot be
        folded from the log again one by one: in the middle it may turn out that one of them cannot
        take it.
        """
        if any(commit.seq == planned.commit.seq for commit in self._under_way):
            return True
        if self._model.sources is None:
            return False
        return sum(self._collection.count_documents(one, limit=FEW + 1) for one in _lacking(planned)) > FEW

    def begin(self, commit: Commit) -> None:
        """Note, durably, that a commit is on its way."""
        noted = spreads.to_stored(commit)
        self._collection.replace_one({"_id": noted["_id"]}, noted, upsert=True)
        self._under_way = [*(one for one in self._under_way if one.seq != commit.seq), commit]

    def drop(self, stream: str) -> None:
        """Forget the spreads of a stream: its documents have been folded from the log again."""
        for commit in [one for one in self._under_way if one.stream == stream]:
            self._end(commit)

    def step(self, position: int, mended: int) -> list[str]:
        """Take the first spread that is not beyond a position to some documents; return their ids.

        Raises:
            Poison: one of them cannot take it.
            LeaseLostError: somebody else has written one of them.

        """
        behind = self.behind(position)
        if not behind:
            return []
        if self._lacking is None:
            self._lacking = self._found(plan(self._model, behind[0]))
        try:
            found = next(self._lacking, None)
        except PyMongoError:
            self._lacking = None
            raise
        if found is None:
            self._end(behind[0])
            return []
        read = {document["_id"]: Guard.taken_from(document) for document in found}
        changed = spreads.all_caught_up(self._model, behind, found)
        guards.write(self._collection, changed, read, mended)
        return list(read)

    def _found(self, planned: Plan) -> Iterator[list[Document]]:
        for where in _lacking(planned):
            batches = cast("Iterator[bytes]", self._collection.find_raw_batches(where, batch_size=STEP))
            for batch in batches:  # left to the driver to close, as in ``read_side.projector.batch``
                if found := decode_all(batch, self._collection.codec_options):
                    yield found

    def _end(self, commit: Commit) -> None:
        self._lacking = None
        self._collection.delete_one({"_id": spreads.key(commit)})
        self._under_way.remove(commit)


def _lacking(planned: Plan) -> list[StoredDocument]:
    """Return filters for the documents that a commit is to be taken to."""
    return [{**where, POSITION: {"$lt": planned.commit.seq}} for where in planned.spreads]
