"""What a read model is: the documents that events fold into, and how they are found again.

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
    """A partial index's filter."""


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What a model keeps of other streams, so that an event is folded with what is known by then.

    The kept documents are ordinary ones of the model. ``key`` names the one that an event is to be read
    with (``None``: no need), ``correct`` gives the event as it should be in the light of it.
    """

    key: Callable[[AnyEvent], str | None]
    correct: Callable[[AnyEvent, Document], AnyEvent]


NOTHING: Mapping[str, Any] = {"_id": {"$in": []}}
"""The filter that no document passes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Which streams a document is folded from, where they are few and can be told.

    ``feeding`` names them for a document; ``fed_by`` is a filter for the documents that a stream is one of.
    So a document can be folded from the log again by itself, and a stream that was parked be mended.
    """

    feeding: Callable[[Document], frozenset[str]]
    fed_by: Callable[[str], Mapping[str, Any]]


def _never(_: AnyEvent) -> Mapping[str, Any] | None:
    return None


def _nothing(_: AnyEvent) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ReadModel:
    """One use case's documents.

    ``keys`` lists the documents that an event folds into, each as it is before its first event: its ``_id``
    and whatever makes it what it is. For an event that does not concern the model it is empty. ``fold``
    returns the document after the event; it must not change the one it is given, and never sees the
    projector's own fields (``_pos``). ``spread`` names, by a filter of equalities on the fields
    ``spreads_by``, existing documents that the event folds into too (a new customer name reaches all its
    orders). ``shared`` models count over several partitions: a document is kept per key and partition, with
    the field ``partition``, and is summed when queried. ``creates`` says of an event that its documents are
    not there before it. It is a hint that saves looking for them; where it is wrong they are found when they
    are written. ``sources`` tells which streams a document is folded from. A model without it counts many
    streams into one document: what it missed of one stream can only be had by a rebuild. A model that counts
    by days is made for a time zone (``zone``); ``made_for`` makes it for another one.
    """

    name: str
    version: int
    """Raised when a change to the code would fold the same log into other documents."""
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
        """The model that counts by the days of a zone; itself, if it does so or does not count by days."""
        if self.made_for is None or self.time_zone == str(zone):
            return self
        return self.made_for(zone)

    @property
    def indexes_to_fill(self) -> tuple[Index, ...]:
        """The index that spreads find documents by, if there are spreads.

        The others cost more with every write than to be made once, when all documents are there.
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
        """The documents that match, at most ``limit`` (0: all); only ``fields`` of them, if any are named."""

    def find_one(self, document_id: str) -> Document | None:
        """The document with this ``_id``, with the projector's fields."""

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> Iterable[Document]:
        """What a pipeline makes of the documents."""
