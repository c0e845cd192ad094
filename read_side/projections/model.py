"""Defines a read model: the documents that events fold into, and how queries find them again.

A read model is one file beside this one that ends in a ``ReadModel``, and one row in the table of
``read_side.projections``. All of it is pure: the projector loads, writes and remembers positions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

from bus.log.commit import RecordedEvent
from bus.messages.registry import AnyEvent

Document = dict[str, Any]
Sort = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Index:
    """An index that a query of the model uses: fields with 1 (ascending) or -1 (descending)."""

    keys: tuple[tuple[str, int], ...]
    only: Mapping[str, Any] | None = None
    """The filter of a partial index."""


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The memory of other streams that a model keeps, to fold an event with what is known by then.

    The model keeps it in ordinary documents of its own. ``key`` returns the id of the one that an
    event is to be read with (``None``: no need). ``correct`` returns the event as that document
    corrects it.
    """

    key: Callable[[AnyEvent], str | None]
    correct: Callable[[AnyEvent, Document], AnyEvent]


NOTHING: Mapping[str, Any] = {"_id": {"$in": []}}
"""The filter that no document passes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The streams that a document is folded from, if they are few and can be told.

    ``feeding`` returns the streams of a document. ``fed_by`` returns a filter for the documents
    that a stream feeds. So a document can be folded from the log again by itself, and a parked
    stream can be mended.
    """

    feeding: Callable[[Document], frozenset[str]]
    fed_by: Callable[[str], Mapping[str, Any]]


def _never(_: AnyEvent) -> Mapping[str, Any] | None:
    return None


def _nothing(_: AnyEvent) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ReadModel:
    """The documents of one use case.

    ``keys`` lists the documents that an event folds into, each as it is before its first event: its
    ``_id`` and whatever makes it what it is. The list is empty for an event that does not concern
    the model. ``fold`` returns the document after the event. It must not change the one it is
    given, and never sees the projector's own fields (``_pos``). ``spread`` names existing documents
    that the event folds into too (a new customer name reaches all its orders), by a filter of
    equalities on the fields ``spreads_by``. ``shared`` models count over several partitions: a
    document is kept per key and partition, with the field ``partition``, and is summed when
    queried. ``creates`` returns True if the documents of an event are not there before it. This is
    a hint that saves looking for them; if it is wrong, they are found when they are written.
    ``sources`` tells which streams a document is folded from. A model without it counts many
    streams into one document: only a rebuild can bring back what it missed of one stream. A model
    that counts by days is made for a time zone (``zone``); ``made_for`` makes it for another one.
    """

    name: str
    version: int
    """Raise it when a change to the code would fold the same log into other documents."""
    keys: Callable[[AnyEvent], Sequence[Document]]
    fold: Callable[[Document, RecordedEvent], Document]
    indexes: tuple[Index, ...] = ()
    spread: Callable[[AnyEvent], Mapping[str, Any] | None] = _never
    spreads_by: tuple[str, ...] = ()
    creates: Callable[[AnyEvent], bool] = _nothing
    enrichment: Enrichment | None = None
    shared: bool = False
    sources: Sources | None = None
    zone: tzinfo | None = None
    made_for: Callable[[tzinfo], "ReadModel"] | None = None

    @property
    def time_zone(self) -> str | None:
        """The name of the zone whose days it counts; ``None`` if it does not count by days."""
        return None if self.zone is None else str(self.zone)

    def in_zone(self, zone: tzinfo) -> "ReadModel":
        """Return the model that counts by the days of a zone.

        That is the model itself if it already does so, or does not count by days.
        """
        if self.made_for is None or self.time_zone == str(zone):
            return self
        return self.made_for(zone)

    @property
    def indexes_to_fill(self) -> tuple[Index, ...]:
        """The index that spreads find documents by, if there are spreads.

        The other indexes cost more with every write than if they are made once, when all documents
        are there.
        """
        fields = self.spreads_by
        fit = [
            index for index in self.indexes if tuple(key for key, _ in index.keys[: len(fields)]) == fields
        ]
        return (min(fit, key=lambda index: len(index.keys)),) if fields else ()


class Documents(Protocol):
    """The live documents of one read model, as its queries see them."""

    def find(
        self, where: Mapping[str, Any], *, sort: Sort = (), limit: int = 0, fields: Sequence[str] = ()
    ) -> list[Document]:
        """Return the documents that match, at most ``limit`` (0: all).

        If ``fields`` are named, the documents have only these.
        """

    def find_one(self, document_id: str) -> Document | None:
        """Return the document with this ``_id``, with the projector's fields."""

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> Iterable[Document]:
        """Return what a pipeline makes of the documents."""
