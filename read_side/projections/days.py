"""The days of the shop's calendar and the periods that they belong to.

They are for the models that count by day. A day is that of a moment in the shop's time zone. Days
and periods are kept as text that sorts in the order of time: ``2024-02-29``, ``2024-W09``
(ISO 8601, where a week belongs to the year of its Thursday),
``2024-02``, ``2024-Q1``, ``2024``.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Literal

By = Literal["day", "week", "month", "quarter", "year"]


def day_of(moment: datetime, zone: tzinfo) -> date:
    """Return the day of a moment in a zone.

    At the ends of the calendar, where the zone has none, it is the day of UTC.
    """
    try:
        return moment.astimezone(zone).date()
    except OverflowError:  # the first hours of the year 1, west of UTC
        return moment.astimezone(UTC).date()


def month_of(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def periods_of(day: date) -> Mapping[str, str]:
    """Return the periods that a day belongs to, one of each kind (``By``)."""
    year, week, _ = day.isocalendar()
    return {
        "day": day.isoformat(),
        "week": f"{year:04}-W{week:02}",
        "month": month_of(day),
        "quarter": f"{day.year:04}-Q{(day.month + 2) // 3}",
        "year": f"{day.year:04}",
    }


def within(first: date | None, last: date | None) -> dict[str, Any]:
    """Return the filter for documents whose ``day`` is from ``first`` to ``last``.

    Both are included, and either may be open. The filter never matches a document without a day.
    """
    bounds = {"$gte": first.isoformat() if first else ""}
    if last:
        bounds["$lte"] = last.isoformat()
    return {"day": bounds}
