"""The mark of an answer in which events are missing, because their streams are parked."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypedDict

from read_side.projections.model import Document

ParkedSince = Mapping[str, datetime]
"""The streams that a read model has parked, and since when."""


class Stale(TypedDict):
    """From ``since`` on something is missing: it could not be read, and waits for an operator."""

    since: datetime


def of(parked_since: ParkedSince, streams: Iterable[str]) -> Stale | None:
    """Return the mark of an answer made from these streams; ``None`` if none of them is parked."""
    found = [parked_since[stream] for stream in streams if stream in parked_since] if parked_since else ()
    return {"since": min(found)} if found else None


def marked(shown: Document, parked_since: ParkedSince, streams: Iterable[str]) -> Document:
    """Return an answer, or a row of one, with its mark, if there is one."""
    stale = of(parked_since, streams)
    return shown if stale is None else {**shown, "stale": stale}
