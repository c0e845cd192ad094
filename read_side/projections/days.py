"""Ranges of days, for the models that count by day.

A day is kept as ``YYYY-MM-DD``, UTC: it sorts as text, and a month or a year is its beginning.
"""

from datetime import date
from typing import Any


def within(first: date | None, last: date | None) -> dict[str, Any]:
    """The filter for documents whose ``day`` is from ``first`` to ``last``, both included, either open.

    It never matches a document without a day.
    """
    bounds = {"$gte": first.isoformat() if first else ""}
    if last:
        bounds["$lte"] = last.isoformat()
    return {"day": bounds}
