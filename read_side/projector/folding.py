"""Folding one commit into the documents of a read model: for projector, rebuild and audit alike.

It is pure. Every document carries ``_pos``, the last position folded into it. A commit that a
document has already is not folded into it again. So repeating a batch after a crash is harmless.
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bus.log.commit import Commit, RecordedEvent
from read_side.projections.model import Document, ReadModel

POSITION = "_pos"
SHARED_KEY = "partition"


@dataclass(frozen=True, slots=True)
class Plan:
    """A commit, read, and the documents that it needs."""

    commit: Commit
    recorded: tuple[RecordedEvent, ...]
    reads: frozenset[str]
    """The ids of the documents that it folds into or is read with."""
    touched: tuple[tuple[Document, ...], ...]
    """The documents that each event folds into, as they are before their first event."""
    creates: frozenset[str]
    """The ids of the documents that are not there before it, as far as is known."""
    spreads: tuple[Mapping[str, Any], ...]
    """The filters of further documents that it folds into."""


class Poison(Exception):  # noqa: N818 - the pattern's name
    """A commit whose events could not be folded; ``__cause__`` says why."""

    def __init__(self, commit: Commit) -> None:
        super().__init__(commit.stream, commit.seq)
        self.commit = commit


def plan(model: ReadModel, commit: Commit) -> Plan:
    """Read a commit's events and list what they touch; a bad event may make it raise anything."""
    recorded = commit.recorded()
    reads: set[str] = set()
    creates: set[str] = set()
    touched, spreads = [], []
    for one in recorded:
        blanks = _touched(model, one)
        touched.append(blanks)
        for blank in blanks:
            reads.add(blank["_id"])
        if model.creates(one.event):
            creates.update(blank["_id"] for blank in blanks)
        if model.enrichment and (key := model.enrichment.key(one.event)) is not None:
            reads.add(key)
        if (where := model.spread(one.event)) is not None:
            spreads.append(where)
    return Plan(commit, recorded, frozenset(reads), tuple(touched), frozenset(creates), tuple(spreads))


def fold(model: ReadModel, planned: Plan, documents: dict[str, Document]) -> dict[str, Document]:
    """Return the documents that a commit changes, by id; a bad event may make it raise anything."""
    changed: dict[str, Document] = {}
    known = ChainMap(changed, documents)
    for recorded, touched in zip(planned.recorded, planned.touched, strict=True):
        informed = _with_memory(model, recorded, known)
        for blank in touched if informed is recorded else _touched(model, informed):
            key, before = blank["_id"], blank
            if key in changed:
                before = changed[key]
            elif key in documents:
                before = documents[key]
                if before[POSITION] >= recorded.seq:
                    continue
            changed[key] = _folded(model, before, informed)
    return changed


def fold_spread(
    model: ReadModel, recorded: Sequence[RecordedEvent], documents: Sequence[Document]
) -> list[Document]:
    """Return the documents found by a spread that lack some of its events, with these folded in."""
    changed = []
    for before in documents:
        after = before
        for one in recorded:
            if before[POSITION] < one.seq and _matches(model.spread(one.event), before):
                after = _folded(model, after, one)
        if after is not before:
            changed.append(after)
    return changed


def _with_memory(
    model: ReadModel, recorded: RecordedEvent, documents: Mapping[str, Document]
) -> RecordedEvent:
    if (
        model.enrichment is None
        or (key := model.enrichment.key(recorded.event)) is None
        or key not in documents
    ):
        return recorded
    corrected = model.enrichment.correct(recorded.event, documents[key])
    return recorded if corrected is recorded.event else replace(recorded, event=corrected)


def _folded(model: ReadModel, before: Document, recorded: RecordedEvent) -> Document:
    given = before.copy()
    given.pop(POSITION, None)
    return {**model.fold(given, recorded), "_id": before["_id"], POSITION: recorded.seq}


def _touched(model: ReadModel, recorded: RecordedEvent) -> tuple[Document, ...]:
    return tuple(placed(model, blank, recorded.partition) for blank in model.keys(recorded.event))


def placed(model: ReadModel, blank: Document, partition: int) -> Document:
    """Return a blank document under the id that it is stored with."""
    if not model.shared:
        return blank
    return {**blank, "_id": f"{blank['_id']}@{partition}", SHARED_KEY: partition}


def _matches(where: Mapping[str, Any] | None, document: Document) -> bool:
    return where is not None and all(document.get(name) == value for name, value in where.items())
