"""What an answer says of itself if events are missing in it, because their streams are parked."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypedDict

from read_side.projections.model import Document

ParkedSince = Mapping[str, datetime]
"""The streams that a read model has parked, and since when."""


class Stale(TypedDict):
    """Something is missing in this ``since`` then: it could not be read, and waits for an operator."""

    since: datetime


def of(parked_since: ParkedSince, streams: Iterable[str]) -> Stale | None:
    """What is to be said of an answer that these streams have a part in; ``None`` if none is parked."""
    found = [parked_since[stream] for stream in streams if stream in parked_since] if parked_since else ()
    return {"since": min(found)} if found else None


def marked(shown: Document, parked_since: ParkedSince, streams: Iterable[str]) -> Document:
    """An answer, or a row of one, with what is to be said of it."""
    stale = of(parked_since, streams)
    return shown if stale is None else {**shown, "stale": stale}
