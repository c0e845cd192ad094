"""Compares a new generation with the live one, while both go on being projected.

It reads both collections once, side by side, in the order of their ids. A pair of documents that
are the same byte for byte, positions included, is done. If both have folded up to the same
position, every field that differs is a difference. (Only one partition writes a document, so the
positions of one id can be compared.) Otherwise one of them may only be further than the other, and
the pair gets another look. Before that look, the comparison waits until both generations have
passed the heads of the log as they were *after* the first look. A document that still has the
position it had then has folded everything up to those heads and nothing beyond. So a pair of such
documents is compared, whatever their positions. A pair that moved gets another round. A document
that moves all the time is reported as moving, not guessed at.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import CodecOptions, decode
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

from bus.connections.clients import CODEC, StoredDocument
from read_side.projections.model import Document, ReadModel
from read_side.projector.folding import POSITION
from read_side.projector.spreads import NO_SPREAD, all_caught_up, under_way

CHUNK = 1_000
LOOK_CHUNK = 200
"""The most pairs that are looked at again at once; with orders of 200 lines they are 20 MB."""
ROUNDS = 5
MOST_MOVING = 20_000
"""The most pairs that are remembered for another look; more count as moving."""
ABSENT = "(absent)"
_OWN = "_"  # the projector's own fields, which say how a document came about, and its id
RAW: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument, tz_aware=True)
_ID_IS_A_TEXT = b"\x02_id\x00"  # bsonspec.org: after the length of the whole, an element's type and name

Found = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Change:
    """A field on which the two generations differ; ``field`` is ``None`` for a whole document."""

    document: str
    field: str | None
    live: Any
    new: Any


@dataclass(slots=True)
class Comparison:
    """The differences that were found; of the changes only the first ``kept``."""

    kept: int
    documents: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    moving: int = 0
    """Documents not compared: they kept changing, a generation lagged, or they were too many."""
    changes: list[Change] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return bool(self.changed or self.added or self.removed)

    def take_in(self, key: str, live: Found, new: Found) -> None:
        """Compare a pair; the caller knows that both have folded the same commits."""
        if live is None or new is None:
            if live is new:
                return
            self.added += live is None
            self.removed += new is None
            whole = (ABSENT, "(present)") if live is None else ("(present)", ABSENT)
            self._keep([Change(key, None, *whole)])
            return
        fields = sorted(name for name in live.keys() | new.keys() if not name.startswith(_OWN))
        values = [(name, live.get(name, ABSENT), new.get(name, ABSENT)) for name in fields]
        changes = [Change(key, name, before, after) for name, before, after in values if before != after]
        self.changed += bool(changes)
        self._keep(changes)

    def _keep(self, changes: Sequence[Change]) -> None:
        self.changes += changes[: max(0, self.kept - len(self.changes))]


def compare(  # noqa: PLR0913 - what is compared, and what it meets meanwhile
    live: Collection[StoredDocument],
    new: Collection[StoredDocument],
    *,
    model: ReadModel,
    passed_the_heads: Callable[[], bool],
    tick: Callable[[], None],
    kept: int,
) -> Comparison:
    """Compare two generations of a read model.

    ``passed_the_heads`` reads the heads of the log, waits a bounded time until both generations
    have passed them, and returns whether they have. ``tick`` is called often and may raise.
    """
    result = Comparison(kept)
    moving: dict[str, tuple[int | None, int | None]] = {}
    for number, (key, before, after) in enumerate(_pairs(live, new)):
        if number % CHUNK == 0:
            tick()
        result.documents += 1
        if before is not None and after is not None and before.raw == after.raw:
            continue
        positions = _position(before), _position(after)
        if positions[0] == positions[1]:
            result.take_in(key, _decoded(before), _decoded(after))
        elif len(moving) < MOST_MOVING:
            moving[key] = positions
        else:
            result.moving += 1
    comparable = True
    for _ in range(ROUNDS):
        if not (moving and comparable):
            break
        tick()
        comparable = passed_the_heads()
        moving = _look_again((live, new), model, moving, result, comparable=comparable)
    result.moving += len(moving)
    return result


def _look_again(
    sides: tuple[Collection[StoredDocument], Collection[StoredDocument]],
    model: ReadModel,
    moving: Mapping[str, tuple[int | None, int | None]],
    result: Comparison,
    *,
    comparable: bool,
) -> dict[str, tuple[int | None, int | None]]:
    still: dict[str, tuple[int | None, int | None]] = {}
    keys = sorted(moving)
    for start in range(0, len(keys), LOOK_CHUNK):
        chunk = keys[start : start + LOOK_CHUNK]
        found = [_by_id(side, model, chunk) for side in sides]
        for key in chunk:
            before, after = found[0].get(key), found[1].get(key)
            positions = _position(before), _position(after)
            if positions[0] == positions[1] or (comparable and positions == moving[key]):
                result.take_in(key, before, after)
            else:
                still[key] = positions
    return still


def _by_id(side: Collection[StoredDocument], model: ReadModel, ids: Sequence[str]) -> dict[str, Document]:
    """Return the documents by id, unfinished spreads folded in: stored ones may lag for long."""
    spreads = under_way(side, model)
    found = all_caught_up(model, spreads, side.find({"_id": {"$in": ids}}))
    return {document["_id"]: document for document in found}


def _pairs(
    live: Collection[StoredDocument], new: Collection[StoredDocument]
) -> Iterator[tuple[str, RawBSONDocument | None, RawBSONDocument | None]]:
    """Yield both collections' documents side by side, in the order of their ids."""
    left, right = _sorted(live), _sorted(new)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        key_a, key_b = _key(a), _key(b)
        key = min(key for key in (key_a, key_b) if key is not None)
        before = a if key_a == key else None
        after = b if key_b == key else None
        yield key.decode(), before, after
        if before is not None:
            a = next(left, None)
        if after is not None:
            b = next(right, None)


def _sorted(collection: Collection[StoredDocument]) -> Iterator[RawBSONDocument]:
    raw = collection.with_options(codec_options=RAW)
    return iter(raw.find(NO_SPREAD, sort=[("_id", 1)], batch_size=CHUNK))


def _key(document: RawBSONDocument | None) -> bytes | None:
    """Return the id, read from its fixed place without decoding; MongoDB sorts by its bytes."""
    if document is None:
        return None
    raw = bytes(document.raw)
    if raw[4:9] != _ID_IS_A_TEXT:
        raise TypeError(f"the id of a read document is no text: {document['_id']!r}")
    return raw[13 : 12 + int.from_bytes(raw[9:13], "little")]


def _position(document: Found) -> int | None:
    return None if document is None else document[POSITION]


def _decoded(document: RawBSONDocument | None) -> Found:
    return None if document is None else decode(document.raw, CODEC)
