"""Ages and leases by mongod's clock, as expressions with its ``$$NOW``.

No host's clock takes part. But mongod's own may be wrong and be put right, and the next primary has
another one. So a stamp can be from the future, and the rules here keep what that costs within the
configured times:

- *It goes back.* If a lease ends later than one taken now would, a clock that was ahead gave it.
  The process that finds such a lease lets it end when one taken now would (``shorten``). So it is
  over one lease after that look, however wrong the clock was. It is not taken away at once, because
  its holder may be well, and because an operation that was begun a moment earlier has an earlier
  ``$$NOW`` than the lease it meets. A stamp counts as recent only near ``$$NOW``, on either side.
- *It goes forward.* A lease ends early, while its holder is at work. Nothing relies on that not
  happening: a lease only saves work, and an epoch, a position or a unique index guards what its
  holder writes.
"""

from datetime import UTC, datetime
from typing import Any

from pymongo.collection import Collection

from bus.connections.clients import StoredDocument

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The end of a lease that nobody holds."""


def from_now(milliseconds: int) -> StoredDocument:
    """Return the expression for the moment when a lease that is taken now ends."""
    return {"$add": ["$$NOW", milliseconds]}


def is_past(moment: Any) -> StoredDocument:
    """Return the expression that is true if a moment has come."""
    return {"$lte": [moment, "$$NOW"]}


def is_recent(stamp: Any, milliseconds: int) -> StoredDocument:
    """Return the expression that is true of a stamp less than ``milliseconds`` old or ahead."""
    since = {"$subtract": ["$$NOW", stamp]}
    return {"$and": [{"$gt": [since, -milliseconds]}, {"$lt": [since, milliseconds]}]}


def shorten(
    collection: Collection[StoredDocument], where: StoredDocument, field: str, milliseconds: int
) -> None:
    """Shorten the leases that match, so that none ends later than one taken now would.

    Mostly that changes nothing.
    """
    too_long = {"$expr": {"$gt": [f"${field}", from_now(milliseconds)]}}
    collection.update_many({**where, **too_long}, [{"$set": {field: from_now(milliseconds)}}])
