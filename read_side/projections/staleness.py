"""What an answer says of itself if events are missing in it, because their streams are set aside."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypedDict

from read_side.projections.model import Document

Aside = Mapping[str, datetime]
"""The streams that a read model has set aside, and since when."""


class Stale(TypedDict):
    """Something is missing in this ``since`` then: it could not be read, and waits for an operator."""

    since: datetime


def of(aside: Aside, streams: Iterable[str]) -> Stale | None:
    """What is to be said of an answer that these streams have a part in; ``None`` if none is set aside."""
    found = [aside[stream] for stream in streams if stream in aside] if aside else ()
    return {"since": min(found)} if found else None


def marked(shown: Document, aside: Aside, streams: Iterable[str]) -> Document:
    """An answer, or a row of one, with what is to be said of it."""
    stale = of(aside, streams)
    return shown if stale is None else {**shown, "stale": stale}
