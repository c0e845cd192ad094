"""A read model's documents of one partition, all or some streams', folded again in memory.

The folding is from the log, by the projector's own code (``read_side.projector.folding``). A stream
that is parked is left out from where it is parked. So the result is what the collection has to
hold, ``_pos`` included.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from bus.log.commit import Commit
from bus.log.log import Log
from read_side.errors import BehindTheCheckpointError
from read_side.projections.model import Document, ReadModel
from read_side.projector.folding import Plan, fold, fold_spread, plan

_Values = tuple[Hashable, ...]


class Refold:
    """The documents as they are after the commits taken in so far.

    The commits must come in the log's order.
    """

    def __init__(self, model: ReadModel, parked: Mapping[str, int]) -> None:
        self.documents: dict[str, Document] = {}
        self.position = 0
        self.poison: list[tuple[Commit, Exception]] = []
        """The commits that could not be folded though their streams are not parked, with the
        errors. Each such stream is left out from there on."""
        self._model = model
        self._parked = dict(parked)
        self._found: dict[tuple[str, ...], defaultdict[_Values, set[str]]] = {}

    def park(self, parked: Mapping[str, int]) -> None:
        """Learn what was parked meanwhile; it does not undo what was taken in already."""
        self._parked.update(parked)

    def take_in(self, commit: Commit) -> None:
        """Fold one commit, wholly or not at all."""
        self.position = commit.seq
        if commit.stream is None or commit.seq >= self._parked.get(commit.stream, commit.seq + 1):
            return
        try:
            planned = plan(self._model, commit)
            changed = fold(self._model, planned, self.documents)
            reached = fold_spread(self._model, planned.recorded, self._reached(planned))
        except Exception as error:  # noqa: BLE001 - a fold may raise anything, and the audit reports it
            self._parked[commit.stream] = commit.seq
            self.poison.append((commit, error))
            return
        self._keep(changed.values())
        self._keep(reached)

    def touched(self, commit: Commit) -> frozenset[str]:
        """Return the ids of the documents that a commit itself folds into; none if unreadable."""
        try:
            return plan(self._model, commit).reads
        except Exception:  # noqa: BLE001 - it will be parked, or reported when it is taken in
            return frozenset()

    def _reached(self, planned: Plan) -> list[Document]:
        ids: set[str] = set()
        for where in planned.spreads:
            ids |= self._lookup(where)
        return [self.documents[key] for key in ids]

    def _lookup(self, where: Mapping[str, Any]) -> set[str]:
        """Return the ids of documents that may match, by an index made on first use."""
        fields = tuple(sorted(where))
        if fields not in self._found:
            self._found[fields] = defaultdict(set)
            self._keep(self.documents.copy().values())
        return self._found[fields][tuple(where[field] for field in fields)]

    def _keep(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self.documents[document["_id"]] = document
            for fields, found in self._found.items():
                if all(field in document for field in fields):
                    found[tuple(document[field] for field in fields)].add(document["_id"])


def refold_streams(  # noqa: PLR0913, PLR0917 - what the result depends on
    log: Log,
    model: ReadModel,
    partition: int,
    streams: Iterable[str],
    parked: Mapping[str, int],
    position: int,
) -> Refold:
    """Fold the commits of some streams of a partition, up to a position.

    Only those documents are right that no other stream has a part in (``ReadModel.sources``). The
    log is read as it is now: a document that is folded anew must hold all that it held before.

    Raises:
        BehindTheCheckpointError: the log ends before the position.

    """
    refold = Refold(model, parked)
    with log.now() as now:
        if (head := now.head(partition)) < position:
            raise BehindTheCheckpointError(model.name, partition, position, head)
        for commit in now.of_streams(partition, streams):
            if commit.seq <= position:
                refold.take_in(commit)
    return refold
